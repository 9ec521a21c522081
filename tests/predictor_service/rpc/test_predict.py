"""Predict, PredictBatch and GetIndexInfo over a real socket."""

import asyncio

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from tests.predictor_service.fakes import KNOWN_MODEL, LEVELS, POISON, FakeIndex
from tests.predictor_service.waiting import entered, until


async def code_of(call) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


async def refused(call, code: grpc.StatusCode, *parts: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    details = caught.value.details() or ""
    assert caught.value.code() == code, details
    for part in parts:
        assert part in details
    return details


async def test_an_answer_carries_the_whole_distribution_and_where_it_came_from(serve):
    running = await serve()
    answer = await running.stub.Predict(
        pb.PredictRequest(request_id="r1", prompt="hello", model=KNOWN_MODEL)
    )
    assert answer.request_id == "r1"
    assert answer.distribution.expected_tokens == 50
    assert list(answer.distribution.levels) == pytest.approx(LEVELS)
    assert list(answer.distribution.tokens) == pytest.approx([100 * level for level in LEVELS])
    assert (answer.confidence, answer.nearness) == (0.75, 0.5)
    assert answer.basis == pb.BASIS_NEIGHBOURS
    assert [n.id for n in answer.neighbours] == ["row-0", "row-1", "row-2"]
    assert answer.model_known
    assert answer.index_version == "v1"
    assert answer.timing.batch_size == 1


async def test_an_unknown_model_is_no_error(serve):
    running = await serve()
    answer = await running.stub.Predict(pb.PredictRequest(prompt="hello", model="never seen"))
    assert not answer.model_known


async def test_neighbours_are_named_as_asked_and_their_text_only_if_asked(serve):
    running = await serve()
    silent = await running.stub.Predict(pb.PredictRequest(prompt="hello", neighbour_count=2))
    assert [n.text for n in silent.neighbours] == ["", ""]
    none = await running.stub.Predict(pb.PredictRequest(prompt="hello", neighbour_count=0))
    assert not none.neighbours
    told = await running.stub.Predict(
        pb.PredictRequest(prompt="hello", neighbour_count=1, include_neighbour_text=True)
    )
    assert [n.text for n in told.neighbours] == ["a past prompt"]


async def test_max_tokens_truncates_and_a_limit_beyond_all_reach_is_none(serve):
    running = await serve()
    short = await running.stub.Predict(pb.PredictRequest(prompt="hello", max_tokens=7))
    assert short.distribution.expected_tokens == 7
    unlimited = await running.stub.Predict(pb.PredictRequest(prompt="hello", max_tokens=2**31 - 1))
    assert unlimited.distribution.expected_tokens == 50


async def test_a_one_turn_conversation_is_the_plain_prompt_and_shares_its_cache_entry(serve):
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    chat = [pb.ChatMessage(role="user", content="hello")]
    answer = await running.stub.Predict(pb.PredictRequest(messages=chat))
    assert answer.timing.batch_size == 0
    assert running.index.prompts == ["hello"]


async def test_a_conversation_is_rendered_with_its_last_message_at_the_end(serve):
    running = await serve()
    chat = [
        pb.ChatMessage(role="system", content="Be brief."),
        pb.ChatMessage(role="user", content="Why?"),
    ]
    await running.stub.Predict(pb.PredictRequest(messages=chat))
    assert running.index.prompts == ["system: Be brief.\nWhy?"]


async def test_a_repeated_prompt_is_answered_from_the_cache_under_the_callers_own_id(serve):
    running = await serve()
    first = await running.stub.Predict(pb.PredictRequest(request_id="a", prompt="hello"))
    second = await running.stub.Predict(pb.PredictRequest(request_id="b", prompt="hello"))
    assert running.index.prompts == ["hello"]
    assert second.request_id == "b"
    assert second.distribution == first.distribution
    assert second.timing.batch_size == 0


async def test_the_same_prompt_with_another_limit_is_another_question(serve):
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    limited = await running.stub.Predict(pb.PredictRequest(prompt="hello", max_tokens=7))
    assert limited.distribution.expected_tokens == 7


async def test_the_cache_can_be_turned_off(serve):
    running = await serve(cache_capacity=0)
    for _ in range(2):
        await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    assert running.index.prompts == ["hello", "hello"]


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        (pb.PredictRequest(), ["prompt is empty", "expected at least one visible character"]),
        (pb.PredictRequest(prompt=" \n\t"), ["prompt is empty"]),
        (
            pb.PredictRequest(prompt="a", messages=[pb.ChatMessage(role="user", content="b")]),
            ["both prompt and messages", "expected one of them"],
        ),
        (
            pb.PredictRequest(messages=[pb.ChatMessage(role="user")]),
            ["messages is empty"],
        ),
        (
            pb.PredictRequest(messages=[pb.ChatMessage(content="no role")]),
            ["messages[0].role is empty", "'user'"],
        ),
        (pb.PredictRequest(prompt="x" * 1_001), ["prompt has 1,001 characters", "at most 1,000"]),
        (
            pb.PredictRequest(prompt="a", neighbour_count=33),
            ["neighbour_count is 33", "expected 0 to 32"],
        ),
        (pb.PredictRequest(prompt="a", max_tokens=0), ["max_tokens is 0", "at least 1"]),
        (pb.PredictRequest(prompt="a", temperature=-1), ["temperature is -1", "0 to 100"]),
        (pb.PredictRequest(prompt="a", temperature=float("inf")), ["temperature is inf"]),
        (pb.PredictRequest(prompt="a", temperature=float("nan")), ["temperature is nan"]),
        (pb.PredictRequest(prompt="a", model="m" * 2_000), ["model has 2,000 characters"]),
        (pb.PredictRequest(prompt="a", request_id="r" * 2_000), ["request_id has 2,000"]),
        (
            pb.PredictRequest(messages=[pb.ChatMessage(role="user", content="a")] * 5_000),
            ["messages has 5,000 items", "at most 4,096"],
        ),
    ],
)
async def test_a_request_that_cannot_be_used_is_told_what_was_expected(serve, request_, parts):
    running = await serve(max_prompt_chars=1_000)
    await refused(running.stub.Predict(request_), grpc.StatusCode.INVALID_ARGUMENT, *parts)


async def test_text_that_is_not_utf8_is_the_callers_fault_and_said_to_be(serve):
    running = await serve()
    raw = running.channel.unary_unary("/lengthwise.v1.LengthPredictor/Predict")
    await refused(
        raw(b"\x12\x03\xff\xfe\xfd"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "not a valid PredictRequest",
        "UTF-8",
    )


async def test_bytes_that_are_no_message_are_refused(serve):
    running = await serve()
    raw = running.channel.unary_unary("/lengthwise.v1.LengthPredictor/Report")
    await refused(raw(b"\xff" * 20), grpc.StatusCode.INVALID_ARGUMENT, "not a valid ReportRequest")


async def test_a_prompt_of_ten_megabytes_is_refused_and_the_connection_lives_on(serve):
    running = await serve()
    await refused(
        running.stub.Predict(pb.PredictRequest(prompt="x" * 10_000_000)),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "larger than max",
        str(4 * 2**20),
    )
    assert (await running.stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v1"


async def test_a_batch_answers_in_the_order_asked_whatever_the_lengths(serve):
    running = await serve(max_batch_size=4)
    lengths = [5, 1, 9, 2, 8, 3, 7, 4, 6, 10, 12, 11]
    response = await running.stub.PredictBatch(
        pb.PredictBatchRequest(
            requests=[pb.PredictRequest(request_id=str(n), prompt="x" * n) for n in lengths]
        )
    )
    got = [
        (r.response.request_id, r.response.distribution.expected_tokens) for r in response.results
    ]
    assert got == [(str(n), 10 * n) for n in lengths]
    assert max(len(batch) for batch in running.index.encoded) <= 4


async def test_a_bad_item_of_a_batch_is_answered_by_its_own_error(serve):
    running = await serve()
    response = await running.stub.PredictBatch(
        pb.PredictBatchRequest(
            requests=[
                pb.PredictRequest(request_id="good", prompt="hello"),
                pb.PredictRequest(request_id="bad"),
                pb.PredictRequest(request_id="poisoned", prompt=POISON),
            ]
        )
    )
    good, bad, poisoned = response.results
    assert good.response.distribution.expected_tokens == 50
    assert (bad.error.request_id, bad.error.code) == (
        "bad",
        grpc.StatusCode.INVALID_ARGUMENT.value[0],
    )
    assert "prompt is empty" in bad.error.message
    assert poisoned.error.code == grpc.StatusCode.INTERNAL.value[0]


async def test_a_batch_of_none_and_one_of_a_hundred_thousand_are_refused(serve):
    running = await serve()
    await refused(
        running.stub.PredictBatch(pb.PredictBatchRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "requests has 0 items: expected 1 to 4,096",
    )
    crowd = pb.PredictBatchRequest(requests=[pb.PredictRequest(prompt="a")] * 100_000)
    await refused(
        running.stub.PredictBatch(crowd),
        grpc.StatusCode.INVALID_ARGUMENT,
        "requests has 100,000 items: expected 1 to 4,096; split it into 25",
    )


async def test_a_full_queue_answers_resource_exhausted(serve):
    running = await serve(queue_capacity=2, max_batch_size=1, max_batch_items=2)
    running.index.gate.clear()
    first = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="running")))
    await entered(running.index)
    pair = asyncio.ensure_future(
        running.stub.PredictBatch(
            pb.PredictBatchRequest(requests=[pb.PredictRequest(prompt=p) for p in "ab"])
        )
    )
    await until(lambda: running.service.batcher.waiting == 2)
    await refused(
        running.stub.Predict(pb.PredictRequest(prompt="one too many")),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "the queue is full",
        "back off",
    )
    running.index.gate.set()
    await asyncio.gather(first, pair)
    assert "one too many" not in running.index.prompts


async def test_what_expires_while_it_waits_is_never_encoded(serve):
    running = await serve()
    running.index.gate.clear()
    first = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="running")))
    await entered(running.index)
    late = running.stub.Predict(pb.PredictRequest(prompt="late"), timeout=0.05)
    assert await code_of(late) == grpc.StatusCode.DEADLINE_EXCEEDED
    running.index.gate.set()
    await first
    await running.stub.Predict(pb.PredictRequest(prompt="next"))
    assert running.index.prompts == ["running", "next"]


async def test_what_its_caller_cancels_is_never_encoded(serve):
    running = await serve()
    running.index.gate.clear()
    first = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="running")))
    await entered(running.index)
    gone = running.stub.Predict(pb.PredictRequest(prompt="gone"))
    waiting = asyncio.ensure_future(gone.wait_for_connection())
    await until(lambda: running.service.batcher.waiting == 1)
    gone.cancel()
    await until(lambda: not running.service.batcher.waiting)
    running.index.gate.set()
    await first
    await asyncio.gather(waiting, return_exceptions=True)
    assert running.index.prompts == ["running"]


async def test_an_unforeseen_failure_is_internal_with_an_id_that_the_log_has_too(serve, capsys):
    running = await serve()
    details = await refused(
        running.stub.Predict(pb.PredictRequest(prompt=POISON)), grpc.StatusCode.INTERNAL, "under id"
    )
    log = capsys.readouterr().out
    assert details.rsplit(" ", 1)[1] in log
    assert "RuntimeError" in log
    assert POISON not in log


async def test_an_answer_too_large_to_be_received_is_refused(serve):
    running = await serve(max_message_bytes=1_024)
    ask = pb.PredictRequest(prompt="hello", neighbour_count=32, include_neighbour_text=True)
    await refused(
        running.stub.Predict(ask), grpc.StatusCode.RESOURCE_EXHAUSTED, "exceed 1,024 bytes"
    )


async def test_calls_are_told_to_retry_until_the_index_is_loaded(serve):
    running = await serve(load=False)
    await refused(
        running.stub.Predict(pb.PredictRequest(prompt="hello")),
        grpc.StatusCode.UNAVAILABLE,
        "being loaded",
    )
    await running.service.load()
    assert (await running.stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v1"


async def test_index_info_says_what_is_served(serve):
    running = await serve(FakeIndex("2026-07"))
    info = await running.stub.GetIndexInfo(pb.GetIndexInfoRequest())
    assert (info.index_version, info.rows, info.metric) == ("2026-07", 2, "cosine")
    assert [m.model for m in info.models] == [KNOWN_MODEL]
    assert list(info.quantile_levels) == pytest.approx(LEVELS)
    assert info.service_version
    assert info.uptime_s >= 0


async def test_reflection_names_every_service(serve):
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    running = await serve()
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([ask]))
    names = [s.name async for r in call for s in r.list_services_response.service]
    assert "lengthwise.v1.LengthPredictor" in names
    assert "grpc.health.v1.Health" in names


async def test_a_unix_socket_serves_too(serve, tmp_path):
    path = tmp_path / "s"
    await serve(host=f"unix:{path}")
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        from lengthwise.v1 import length_predictor_pb2_grpc as pb_grpc

        stub = pb_grpc.LengthPredictorStub(channel)
        assert (await stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v1"

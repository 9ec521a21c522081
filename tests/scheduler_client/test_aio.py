"""What AsyncLengthPredictorClient does as its twin does, and what only asyncio brings."""

import asyncio
from contextlib import aclosing

import grpc
import pytest

from scheduler_client import (
    AsyncLengthPredictorClient,
    ClientClosedError,
    CompletedRequest,
    HealthStatus,
    InvalidRequestError,
    Prediction,
    PredictionFailure,
    PredictionQuery,
    PredictionTimeoutError,
    ReportReceipt,
    ServerOverloadedError,
    ServerUnavailableError,
)
from tests.scheduler_client.fake_service import FakeService, serving


@pytest.fixture
async def client(running):
    async with AsyncLengthPredictorClient(running.target, timeout_s=20) as client:
        yield client


async def _entered(service):
    assert await asyncio.to_thread(service.entered.wait, 20)


async def test_every_call_answers_as_the_clients_twin_does(client):
    prediction = await client.predict("x" * 100, model="llm", request_id="r", neighbour_count=1)
    assert (prediction.request_id, prediction.expected_tokens) == ("r", 100)
    assert prediction.neighbours[0].id == "row-0"
    assert await client.health() is HealthStatus.SERVING
    assert await client.health("none") is HealthStatus.SERVICE_UNKNOWN
    assert (await client.info()).rows == 1000
    receipt = await client.report([CompletedRequest("a", 1, "p"), CompletedRequest("a", 1, "p")])
    assert receipt == ReportReceipt(stored=1, duplicates=1)


async def test_predict_many_keeps_order_and_lets_a_bad_prompt_fail_alone(client, service):
    outcomes = await client.predict_many(["a", "bad", "\ud800", *["x"] * 300])

    assert [type(o) for o in outcomes[:4]] == [
        Prediction,
        PredictionFailure,
        PredictionFailure,
        Prediction,
    ]
    assert [len(message.requests) for message in service.received] == [256, 47]
    with pytest.raises(InvalidRequestError, match="bad one"):
        await client.predict_many(["bad"], raise_on_failure=True)


async def test_many_calls_may_wait_at_once(client):
    predictions = await asyncio.gather(*(client.predict("x" * n) for n in range(1, 65)))
    assert [p.expected_tokens for p in predictions] == list(range(1, 65))


async def test_the_event_loop_runs_on_while_a_call_waits(client, service):
    service.gate.clear()
    asking = asyncio.create_task(client.predict("hi"))
    await _entered(service)
    assert not asking.done()
    service.gate.set()
    assert (await asking).expected_tokens == 2


async def test_cancelling_the_task_cancels_the_call_on_the_server(client, service):
    service.gate.clear()
    asking = asyncio.create_task(client.predict("hi"))
    await _entered(service)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(service.cancelled.wait, 20)


async def test_a_stream_answers_each_prompt_before_the_next_is_there(client):
    answered = asyncio.Event()

    async def prompts():
        for n in (1, 2, 3):
            yield "x" * n
            await answered.wait()
            answered.clear()

    seen = []
    async for outcome in client.predict_stream(prompts()):
        seen.append(outcome.expected_tokens)
        answered.set()
    assert seen == [1, 2, 3]


async def test_a_stream_takes_a_plain_iterable_and_gathers_when_told_to(client, service):
    prompts = [PredictionQuery("x", request_id=str(n)) for n in range(600)]
    outcomes = [o async for o in client.predict_stream(prompts, prompts_per_message=250)]

    assert [o.request_id for o in outcomes] == [str(n) for n in range(600)]
    assert [len(message.requests) for message in service.received] == [250, 250, 100]


async def test_a_prompt_that_fails_in_a_stream_fails_alone_and_in_its_place(client):
    outcomes = [o async for o in client.predict_stream(["aa", "bad", "", "bbb"])]
    failed = [isinstance(outcome, PredictionFailure) for outcome in outcomes]
    assert failed == [False, True, True, False]


async def test_an_error_of_the_callers_own_iterator_is_raised_after_what_was_sent_is_answered(
    client,
):
    async def prompts():
        yield "a"
        raise RuntimeError("my own")

    stream = client.predict_stream(prompts())
    assert (await anext(stream)).expected_tokens == 1
    with pytest.raises(RuntimeError, match="my own"):
        await anext(stream)


async def test_leaving_a_stream_early_ends_the_call_and_the_callers_iterator(client, service):
    closed = asyncio.Event()

    async def prompts():
        try:
            while True:
                yield "x"
        finally:
            closed.set()

    async with aclosing(client.predict_stream(prompts())) as stream:
        await anext(stream)
    assert closed.is_set()
    assert await asyncio.to_thread(service.cancelled.wait, 20)


async def test_a_stream_reads_no_further_ahead_than_max_in_flight(client, service):
    taken = []

    def prompts():
        for n in range(500):
            taken.append(n)
            yield "x"

    service.gate.clear()
    stream = client.predict_stream(prompts(), max_in_flight=8)
    first = asyncio.ensure_future(anext(stream))
    await _entered(service)
    assert len(taken) <= 9
    service.gate.set()
    await first
    assert len([o async for o in stream]) == 499


async def test_an_unreachable_server_is_named_with_the_reason(dead_target):
    async with AsyncLengthPredictorClient(dead_target) as client:
        with pytest.raises(ServerUnavailableError, match=r"connection refused.*is it running"):
            await client.predict("hi")
        with pytest.raises(ServerUnavailableError, match="connection refused"):
            async for _ in client.predict_stream(["hi"]):
                pass


async def test_a_deadline_holds_for_calls_and_streams(client, service):
    service.gate.clear()
    with pytest.raises(PredictionTimeoutError, match=r"within 0\.2 s"):
        await client.predict("hi", timeout_s=0.2)
    with pytest.raises(PredictionTimeoutError):
        async for _ in client.predict_stream(["hi"], timeout_s=0.2):
            pass


async def test_a_full_queue_and_a_starting_service_are_told_apart(client, service):
    service.failures.append((grpc.StatusCode.RESOURCE_EXHAUSTED, "full"))
    with pytest.raises(ServerOverloadedError):
        await client.predict("hi")
    service.failures.extend([(grpc.StatusCode.UNAVAILABLE, "starting")] * 2)
    assert (await client.predict("hi")).expected_tokens == 2
    assert len(service.received) == 4


async def test_closing_during_a_call_ends_it_as_closed_not_as_cancelled(running, service):
    service.gate.clear()
    client = AsyncLengthPredictorClient(running.target)
    asking = asyncio.create_task(client.predict("hi"))
    await _entered(service)
    await client.close()
    with pytest.raises(ClientClosedError):
        await asking
    with pytest.raises(ClientClosedError):
        await client.predict("hi")
    with pytest.raises(ClientClosedError):
        client.predict_stream(["hi"])


async def test_closing_during_a_stream_ends_it_as_closed(running):
    client = AsyncLengthPredictorClient(running.target)
    stream = client.predict_stream("x" for _ in iter(int, 1))
    await anext(stream)
    await client.close()
    with pytest.raises(ClientClosedError):
        async for _ in stream:
            pass


async def test_a_client_that_was_never_used_closes():
    client = AsyncLengthPredictorClient()
    await client.close()
    with pytest.raises(ClientClosedError):
        await client.info()


async def test_calls_go_round_robin_over_several_addresses():
    with serving(FakeService("a")) as a, serving(FakeService("b")) as b:
        async with AsyncLengthPredictorClient(f"{a.target},{b.target}") as client:
            seen = set()
            for _ in range(2000):
                seen.add((await client.predict("hi")).index_version)
                if len(seen) == 2:
                    break
            assert seen == {"a", "b"}


async def test_one_string_in_place_of_many_is_refused(client):
    with pytest.raises(InvalidRequestError, match="one string"):
        client.predict_stream("hello")


def test_a_client_may_be_made_before_the_event_loop_runs(running):
    client = AsyncLengthPredictorClient(running.target)

    async def use():
        async with client:
            return await client.predict("hi")

    assert asyncio.run(use()).expected_tokens == 2


def test_an_interrupted_run_leaves_no_call_behind(running, service):
    service.gate.clear()

    async def use():
        async with AsyncLengthPredictorClient(running.target) as client:
            async with asyncio.timeout(0.3):
                await client.predict("hi")

    with pytest.raises(TimeoutError):
        asyncio.run(use())
    assert service.cancelled.wait(20)

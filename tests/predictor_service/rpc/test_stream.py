"""PredictStream over a real socket: order, pipelining, errors, stopping."""

import asyncio

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.rpc.stream import InFlightLimit
from tests.predictor_service.waiting import entered, until


def message(*prompts: str) -> pb.PredictStreamRequest:
    return pb.PredictStreamRequest(
        requests=[pb.PredictRequest(request_id=prompt, prompt=prompt) for prompt in prompts]
    )


def ids(response: pb.PredictStreamResponse) -> list[str]:
    return [result.response.request_id or result.error.request_id for result in response.results]


async def read_all(call) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def failure(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read_all(call)
    return caught.value.code(), caught.value.details()


async def test_every_message_is_answered_by_one_in_order(serve):
    running = await serve()
    sent = [message(*[f"m{i}-{j}" for j in range(i % 4)]) for i in range(50)]
    call = running.stub.PredictStream(iter(sent))
    answers = [ids(response) async for response in call]
    assert answers == [[f"m{i}-{j}" for j in range(i % 4)] for i in range(50)]


async def test_later_messages_are_taken_while_an_earlier_one_is_computed(serve):
    running = await serve()
    running.index.gate.clear()
    call = running.stub.PredictStream()
    await call.write(message("a"))
    await entered(running.index)
    for name in ("b", "c"):
        await call.write(message(name))
    await until(lambda: running.service.batcher.waiting == 2)
    running.index.gate.set()
    await call.done_writing()
    assert [ids(response) async for response in call] == [["a"], ["b"], ["c"]]
    assert running.index.encoded == [["a"], ["b", "c"]]


async def test_a_stream_with_much_under_way_is_bulk_which_a_lone_call_does_not_travel_with(serve):
    running = await serve()
    running.index.gate.clear()
    call = running.stub.PredictStream()
    await call.write(message("m0"))
    await entered(running.index)
    for i in range(1, 20):
        await call.write(message(f"m{i}"))
    await until(lambda: running.service.batcher.waiting == 19)
    lone = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="lone")))
    await until(lambda: running.service.batcher.waiting == 20)
    running.index.gate.set()
    await lone
    await call.done_writing()
    assert len([ids(response) async for response in call]) == 20
    (beside,) = [batch for batch in running.index.encoded if "lone" in batch]
    assert set(beside) <= {"lone", *(f"m{i}" for i in range(8))}, "eight are few, the rest is bulk"


async def test_a_bad_item_is_answered_by_its_own_error_and_the_stream_goes_on(serve):
    running = await serve()
    call = running.stub.PredictStream(iter([message("a", ""), message("b")]))
    first, second = [response async for response in call]
    assert first.results[0].HasField("response")
    assert "prompt is empty" in first.results[1].error.message
    assert ids(second) == ["b"]


async def test_a_message_that_is_not_utf8_ends_the_stream_after_those_before_it(serve):
    running = await serve()
    call = running.channel.stream_stream(
        "/lengthwise.v1.LengthPredictor/PredictStream",
        response_deserializer=pb.PredictStreamResponse.FromString,
    )()
    await call.write(message("a").SerializeToString())
    await call.write(b"\x0a\x03\x12\x01\xff")
    assert ids(await call.read()) == ["a"]
    code, details = await failure(call)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "UTF-8" in details


async def test_a_message_of_too_many_items_ends_the_stream(serve):
    running = await serve(max_batch_items=2)
    call = running.stub.PredictStream(iter([message("a", "b", "c")]))
    code, details = await failure(call)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "requests has 3 items: expected 1 to 2" in details


async def test_a_full_queue_is_told_item_by_item_and_the_stream_goes_on(serve):
    running = await serve(queue_capacity=2, max_batch_size=1, max_batch_items=2)
    running.index.gate.clear()
    first = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="running")))
    await entered(running.index)
    second = asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt="waiting")))
    await until(lambda: running.service.batcher.waiting == 1)
    call = running.stub.PredictStream()
    await call.write(message("a", "b"))
    response = await call.read()
    codes = {result.error.code for result in response.results}
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]}
    running.index.gate.set()
    await asyncio.gather(first, second)
    await call.write(message("c"))
    assert (await call.read()).results[0].HasField("response")
    await call.done_writing()


async def test_a_caller_who_hangs_up_leaves_nothing_in_the_queue(serve):
    running = await serve(max_batch_size=1)
    running.index.gate.clear()
    call = running.stub.PredictStream()
    await call.write(message("a"))
    await entered(running.index)
    for name in ("b", "c"):
        await call.write(message(name))
    await until(lambda: running.service.batcher.waiting == 2)
    call.cancel()
    await until(lambda: not running.service.batcher.waiting)
    running.index.gate.set()
    await running.stub.Predict(pb.PredictRequest(prompt="next"))
    assert running.index.prompts == ["a", "next"]


async def test_stopping_answers_what_a_stream_has_sent_and_then_ends_it(serve):
    running = await serve()
    running.index.gate.clear()
    call = running.stub.PredictStream()
    await call.write(message("a"))
    await entered(running.index)
    await call.write(message("b"))
    await until(lambda: running.service.batcher.waiting == 1)
    stopping = asyncio.create_task(running.stop())
    await until(lambda: running.service.stopping)
    running.index.gate.set()
    assert ids(await call.read()) == ["a"]
    assert ids(await call.read()) == ["b"]
    code, details = await failure(call)
    assert code == grpc.StatusCode.UNAVAILABLE
    assert "stopping" in details
    await stopping


async def test_a_stream_may_fill_its_own_share_and_waits_beyond_it():
    in_flight = InFlightLimit(4)
    await in_flight.enter(3)
    second = asyncio.create_task(in_flight.enter(2))
    await asyncio.sleep(0)
    assert not second.done()
    in_flight.leave(3)
    await second


async def test_a_message_larger_than_the_share_passes_alone():
    in_flight = InFlightLimit(4)
    await asyncio.wait_for(in_flight.enter(100), timeout=5)


async def test_a_stream_that_sends_far_more_than_the_queue_holds_is_never_refused(serve):
    running = await serve(queue_capacity=8, max_batch_items=4, max_batch_size=2)
    sent = [message(*[f"{i}-{j}" for j in range(4)]) for i in range(40)]
    call = running.stub.PredictStream(iter(sent))
    results = [result async for response in call for result in response.results]
    assert len(results) == 160
    assert all(result.HasField("response") for result in results)

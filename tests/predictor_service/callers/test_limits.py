"""Messages per second of each caller."""

import asyncio

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.callers import caller_limits as caller_rates
from predictor_service.callers.caller_limits import CallerLimits, TokenBucket
from predictor_service.errors import TooFastError


class Clock:
    """Stands still until it is set."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_a_bucket_gives_its_burst_and_then_its_rate():
    bucket = TokenBucket(rate_per_s=2, capacity=3, now_s=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take(0.25) == pytest.approx(0.25)
    assert bucket.take(0.5) == 0
    assert [bucket.take(100) for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_bucket_lets_through_what_is_too_large_for_it_once_and_waits_for_the_debt():
    bucket = TokenBucket(rate_per_s=10, capacity=10, now_s=0)
    assert bucket.take(0, 30) == 0
    assert bucket.take(0) == pytest.approx(2.1)
    assert bucket.take(2.1) == 0


def test_each_caller_has_a_rate_of_its_own():
    limits = CallerLimits(messages_per_s=1, burst=1, clock=Clock())
    limits.admit("a")
    limits.admit("b")
    with pytest.raises(TooFastError, match="a sends more than 1 messages per second: retry in"):
        limits.admit("a")


def test_without_a_rate_nobody_is_refused():
    limits = CallerLimits()
    for _ in range(1_000):
        limits.admit("a")


def test_the_callers_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(caller_rates, "MAX_CALLERS", 2)
    limits = CallerLimits(messages_per_s=1, burst=1, clock=Clock())
    for caller in ("a", "b", "c"):
        limits.admit(caller)
    limits.admit("a")  # forgotten
    with pytest.raises(TooFastError):
        limits.admit("c")


async def test_too_many_messages_are_refused_with_the_time_to_retry(serve):
    running = await serve(max_messages_per_s=0.5, max_message_burst=2)
    for _ in range(2):
        await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "address 127.0.0.1 sends more than 0.5 messages per second" in caught.value.details()
    pushback_ms = int(dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"])
    assert 1_000 < pushback_ms <= 2_000
    assert running.service.calls.refused == {"too fast": 1}


async def test_prompts_are_limited_beside_messages(serve):
    running = await serve(max_items_per_s=2)
    requests = [pb.PredictRequest(prompt=f"p{i}") for i in range(10)]
    await running.stub.PredictBatch(pb.PredictBatchRequest(requests=requests))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.Predict(requests[0])
    assert "more than 2 prompts or completions per second" in caught.value.details()
    assert 4_000 < int(dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"]) <= 4_500


async def test_a_stream_over_the_rate_is_slowed_down_and_answered(serve):
    running = await serve(max_messages_per_s=50, max_message_burst=2)
    call = running.stub.PredictStream()
    for i in range(6):
        await call.write(pb.PredictStreamRequest(requests=[pb.PredictRequest(prompt=f"p{i}")]))
    await call.done_writing()
    began_s = asyncio.get_running_loop().time()
    answers = [answer async for answer in call]
    assert len(answers) == 6
    assert asyncio.get_running_loop().time() - began_s > 0.05  # five over the burst, 20 ms each

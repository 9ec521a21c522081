"""Calls of many tasks in few messages: each keeps what is its own."""

import asyncio

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client import (
    AsyncLengthPredictorClient,
    ClientClosedError,
    CoalescingPredictor,
    InvalidRequestError,
    LengthPredictorClient,
    Prediction,
    PredictionQuery,
    PredictionTimeoutError,
    ServerOverloadedError,
    ServerUnavailableError,
)
from tests.scheduler_client.fake_service import FakeService, serving


@pytest.fixture
async def client(running):
    async with AsyncLengthPredictorClient(running.target, timeout_s=20) as client:
        yield client


@pytest.fixture
async def predictor(client):
    async with CoalescingPredictor(client) as predictor:
        yield predictor


async def entered(service: FakeService) -> None:
    assert await asyncio.to_thread(service.entered.wait, 20)


async def test_calls_that_come_together_travel_together_and_get_their_own_answers(
    predictor, service
):
    prompts = ["x" * n for n in range(1, 21)]
    answers = await asyncio.gather(*(predictor.predict(p, request_id=p) for p in prompts))
    assert [answer.request_id for answer in answers] == prompts
    assert [answer.expected_tokens for answer in answers] == list(range(1, 21))
    assert sorted(len(message.requests) for message in service.received) == [4, 8, 8]


async def test_a_call_that_is_alone_goes_as_it_would_without(predictor, service):
    assert (await predictor.predict("hello", model="llm")).model_known
    (message,) = service.received
    assert isinstance(message, pb.PredictRequest)


async def test_long_prompts_and_conversations_do_not_fill_a_message_with_others(predictor, service):
    query = PredictionQuery(messages=[{"role": "user", "content": "hi"}])
    await asyncio.gather(
        predictor.predict("x" * 1_500), predictor.predict("y" * 1_500), predictor.predict(query)
    )
    assert all(isinstance(message, pb.PredictRequest) for message in service.received)


async def test_a_bad_prompt_fails_alone(predictor):
    good, bad, unsendable, also_good = await asyncio.gather(
        *(predictor.predict(prompt) for prompt in ("a", "bad", "\ud800", "bcd")),
        return_exceptions=True,
    )
    assert isinstance(good, Prediction)
    assert isinstance(bad, InvalidRequestError)
    assert isinstance(unsendable, InvalidRequestError)
    assert also_good.expected_tokens == 3


async def test_what_fails_a_message_fails_each_call_in_it(predictor, service):
    service.failures.append((grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full"))
    failed = await asyncio.gather(
        *(predictor.predict(prompt) for prompt in ("a", "b")), return_exceptions=True
    )
    assert [type(error) for error in failed] == [ServerOverloadedError] * 2


async def test_calls_of_different_deadlines_each_keep_theirs(predictor, service):
    service.gate.clear()
    soon, late = (
        asyncio.create_task(predictor.predict("a", timeout_s=timeout_s)) for timeout_s in (0.2, 20)
    )
    with pytest.raises(PredictionTimeoutError):
        await soon
    assert not late.done()
    service.gate.set()
    assert (await late).expected_tokens == 1


async def test_a_cancelled_call_leaves_the_others_in_its_message(predictor, service):
    service.gate.clear()
    gone, stays = (asyncio.create_task(predictor.predict(p)) for p in ("a", "bc"))
    await entered(service)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    service.gate.set()
    assert (await stays).expected_tokens == 2


async def test_a_message_that_nobody_waits_for_is_cancelled_on_the_server(predictor, service):
    service.gate.clear()
    tasks = [asyncio.create_task(predictor.predict(p)) for p in ("a", "bc")]
    await entered(service)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.to_thread(service.cancelled.wait, 20)
    service.gate.set()


async def test_closing_ends_what_is_under_way_and_what_comes_later(client, service):
    predictor = CoalescingPredictor(client)
    service.gate.clear()
    under_way = asyncio.create_task(predictor.predict("a"))
    await entered(service)
    not_sent = asyncio.create_task(predictor.predict("b"))
    await asyncio.sleep(0)
    await predictor.close()
    for task in (under_way, not_sent):
        with pytest.raises(ClientClosedError):
            await task
    with pytest.raises(ClientClosedError):
        await predictor.predict("c")
    service.gate.set()


async def test_where_nobody_answers_each_call_is_told_so(dead_target):
    async with (
        AsyncLengthPredictorClient(dead_target, max_attempts=1) as client,
        CoalescingPredictor(client) as predictor,
    ):
        failed = await asyncio.gather(
            *(predictor.predict(p) for p in ("a", "b")), return_exceptions=True
        )
    assert [type(error) for error in failed] == [ServerUnavailableError] * 2


async def test_both_clients_ask_over_a_unix_domain_socket(tmp_path):
    target = f"unix:{tmp_path / 'predictor.sock'}"
    with serving(address=target), LengthPredictorClient(target) as client:
        assert (await asyncio.to_thread(client.predict, "four")).expected_tokens == 4
        async with AsyncLengthPredictorClient(target) as other:
            assert (await other.predict("three")).expected_tokens == 5

"""The predictor dies, hangs and comes back while a real engine serves."""

import asyncio

import pytest

from tests.vllm.engines import Caller, counted
from tests.wait_until import wait_until

REQUESTS = 60


@pytest.fixture
def healed(engine, predictor):
    """Whatever a test does to the predictor, the next one finds it in service."""
    yield
    predictor.kill()
    predictor.start()
    wait_until(lambda: asked_again(engine), "predictions after the predictor's return")


def asked_again(engine) -> bool:
    before = counted(engine, "lengthwise_predictions_total")
    asyncio.run(one(engine))
    return counted(engine, "lengthwise_predictions_total") > before


async def one(engine) -> None:
    async with Caller(engine) as caller:
        await caller.complete("are you there", 2)


async def serve_while(engine, *happenings) -> int:
    """Answers that came while things happened in the middle of the run."""
    async with Caller(engine) as caller:

        async def at(number: int):
            await asyncio.sleep(0.03 * number)
            return await caller.complete(f"request {number}", 4)

        requests = [asyncio.create_task(at(number)) for number in range(REQUESTS)]
        for happening in happenings:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(happening)
        answers = await asyncio.gather(*requests)
    return sum(answer["usage"]["completion_tokens"] == 4 for answer in answers)


def waited_longer_than(engine, bound_s: str) -> float:
    name = "lengthwise_latency_seconds"
    within = counted(engine, f"{name}_bucket", le=bound_s)
    return counted(engine, f"{name}_count") - within


async def test_killing_the_predictor_loses_no_request(engine, predictor, healed):
    before = counted(engine, "lengthwise_fallbacks_total")
    assert await serve_while(engine, predictor.kill) == REQUESTS
    assert counted(engine, "lengthwise_fallbacks_total") > before
    causes = ("predictor_error", "breaker_open")
    assert sum(counted(engine, "lengthwise_fallbacks_total", cause=c) for c in causes) > 0
    assert "no predictions" in engine.log_file.read_text()


async def test_a_predictor_that_hangs_costs_a_request_its_deadline_at_the_most(
    engine, predictor, healed
):
    before = counted(engine, "lengthwise_fallbacks_total", cause="deadline")
    slow = waited_longer_than(engine, "2.5")
    assert await serve_while(engine, predictor.hang) == REQUESTS
    assert counted(engine, "lengthwise_fallbacks_total", cause="deadline") > before
    assert waited_longer_than(engine, "2.5") == slow
    assert counted(engine, "lengthwise_breaker_state") > 0
    predictor.go_on()


async def test_a_predictor_that_was_restarted_is_asked_again(engine, predictor, healed):
    assert await serve_while(engine, predictor.kill, predictor.start) == REQUESTS

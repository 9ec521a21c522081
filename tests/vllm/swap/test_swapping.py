"""Requests that are preempted for want of memory, swapped out and in by a real engine."""

import pytest
from vllm.v1.core.sched.async_scheduler import AsyncScheduler

from tests.vllm.swap.faults import every_third_fails
from tests.vllm.swap.small_engine import REQUESTS, small_engine, transfer_config


@pytest.fixture(scope="module", params=[False, True], ids=["step by step", "asynchronous"])
def engine(model, recomputed, request):
    with small_engine(model, transfer_config(), asynchronous=request.param) as running:
        assert isinstance(running.core.scheduler, AsyncScheduler) is request.param
        assert (running.core.batch_queue is not None) is request.param
        yield running


def test_answers_are_the_same_and_nothing_is_computed_again(engine, recomputed):
    with engine.counted() as counts:
        assert engine.answers(REQUESTS) == recomputed
    assert counts["preemptions"] > 10
    assert counts["swapped_out"] == counts["swapped_in"] > 500
    assert counts["recomputed"] == counts["evicted"] == 0
    assert engine.is_empty()


@pytest.mark.parametrize("directions", [("copy_out",), ("copy_in",), ("copy_out", "copy_in")])
def test_answers_are_the_same_when_every_third_transfer_fails(engine, recomputed, directions):
    with engine.counted() as counts, every_third_fails(engine.worker, *directions) as failed:
        assert engine.answers(REQUESTS) == recomputed
    assert set(failed) == set(directions)
    assert len(failed) > 3
    assert 0 < counts["swapped_in"] < counts["swapped_out"]
    assert counts["recomputed"] > 0
    assert engine.is_empty()


def test_those_that_are_aborted_while_swapped_out_leave_nothing_behind(engine, recomputed):
    for number, (prompt, tokens) in enumerate(REQUESTS):
        engine.add(str(number), prompt, tokens)
    ended = engine.step_until(lambda: len(list(engine.swap.held)) >= 2)
    swapped = [held.request_id for held in engine.swap.held]
    engine.core.abort_requests(swapped)
    assert not list(engine.swap.held)
    gone = {name.split("-")[0] for name in swapped}
    engine.llm.llm_engine.abort_request(sorted(gone))
    ended += engine.finish()
    answers = dict(ended)
    assert answers.keys() == {str(number) for number in range(len(REQUESTS))} - gone
    assert all(answers[str(n)] == e for n, e in enumerate(recomputed) if str(n) in answers)
    assert engine.is_empty()


def test_those_that_are_aborted_on_their_way_back_leave_nothing_behind(engine):
    if engine.core.batch_queue is None:
        pytest.skip("step by step nobody is under way between two steps")
    for number, (prompt, tokens) in enumerate(REQUESTS):
        engine.add(str(number), prompt, tokens)
    swap = engine.swap
    engine.step_until(lambda: any(held.loading for held in swap.held))
    loading = next(held.request_id for held in swap.held if held.loading)
    engine.core.abort_requests([loading])
    engine.llm.llm_engine.abort_request([loading.split("-")[0]])
    engine.finish()
    assert engine.is_empty()
    assert engine.core.scheduler.kv_cache_manager.usage == 0


def test_an_engine_stops_with_requests_swapped_out(model):
    with small_engine(model, transfer_config()) as engine:
        for number, (prompt, tokens) in enumerate(REQUESTS):
            engine.add(str(number), prompt, tokens)
        engine.step_until(lambda: len(list(engine.swap.held)) >= 2)

"""Copies that go on for several steps, beside the requests that run: as on a GPU's own stream."""

import pytest

from tests.vllm.swap.late_link import LateLink
from tests.vllm.swap.small_engine import REQUESTS, small_engine, transfer_config


@pytest.fixture(scope="module", params=[False, True], ids=["step by step", "asynchronous"])
def engine(model, recomputed, request):
    with small_engine(model, transfer_config(), asynchronous=request.param) as running:
        running.worker._link = LateLink()
        yield running


def test_answers_are_the_same_and_nothing_is_computed_again(engine, recomputed):
    with engine.counted() as counts:
        assert engine.answers(REQUESTS) == recomputed
    assert counts["swapped_out"] == counts["swapped_in"] > 500
    assert counts["recomputed"] == counts["evicted"] == 0
    assert engine.is_empty()


def test_those_that_are_aborted_on_their_way_back_leave_nothing_behind(engine, recomputed):
    for number, (prompt, tokens) in enumerate(REQUESTS):
        engine.add(str(number), prompt, tokens)
    ended = engine.step_until(engine.worker._link.coming)
    (coming, *_) = engine.worker._link.coming()
    engine.core.abort_requests([coming])
    gone = coming.split("-")[0]
    engine.llm.llm_engine.abort_request([gone])
    answers = dict(ended + engine.finish())
    assert answers == {str(n): e for n, e in enumerate(recomputed) if str(n) != gone}
    assert engine.is_empty()
    assert engine.core.scheduler.kv_cache_manager.usage == 0


def test_those_that_run_go_on_meanwhile(engine):
    for number, (prompt, tokens) in enumerate(REQUESTS):
        engine.add(str(number), prompt, tokens)
    engine.step_until(engine.worker._link.coming)
    running = {request.request_id: request for request in engine.core.scheduler.running}
    before = {name: request.num_output_tokens for name, request in running.items()}
    (coming, *_) = engine.worker._link.coming()
    engine.step_until(lambda: coming not in engine.worker._link.coming())
    assert any(r.num_output_tokens > before[name] + 1 for name, r in running.items())
    engine.finish()


def test_an_engine_stops_with_requests_on_their_way(model):
    with small_engine(model, transfer_config()) as engine:
        engine.worker._link = LateLink()
        for number, (prompt, tokens) in enumerate(REQUESTS):
            engine.add(str(number), prompt, tokens)
        engine.step_until(engine.worker._link.coming)

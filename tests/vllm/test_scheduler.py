"""The scheduler inside a real engine, in this process, step by step."""

import logging
import time

import pytest
from vllm import SamplingParams

from scheduler_client.vllm_plugin.offline import generate_shortest_first
from tests.wait_until import wait_until

LONG, SHORT = "once upon a time there was " * 8, "yes or no"
"""Predicted by their number of characters."""

LONG_TOKENS, SHORT_TOKENS = 200, 6


def scheduler_of(llm):
    return llm.llm_engine.engine_core.engine_core.scheduler


def add(llm, name, prompt, tokens, *, priority=0, **more):
    params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True, **more)
    llm.llm_engine.add_request(name, prompt, params, arrival_time=time.time(), priority=priority)


def run(llm, *, steps=None) -> list[tuple[str, list[int]]]:
    """Step so often, or until all have ended: names and tokens in the order of their ends."""
    ended = []
    while llm.llm_engine.has_unfinished_requests() and steps != 0:
        outputs = llm.llm_engine.step()
        ended += [(o.request_id, list(o.outputs[0].token_ids)) for o in outputs if o.finished]
        steps = None if steps is None else steps - 1
    return ended


def settle(llm) -> None:
    """Wait until the engine core has heard of every request, without a step.

    Nobody is preempted meanwhile: until its prediction comes, one that waits counts as typical.
    """
    order = scheduler_of(llm).lengthwise
    preempts = order._preempts
    order._preempts = False

    def known():
        order.before_step()
        order.after_step(NOTHING)
        return all(tracked.settled for tracked in order._tracked.values())

    wait_until(known, "the predictions")
    order._preempts = preempts


class NOTHING:
    """A step in which nobody started."""

    scheduled_new_reqs = ()


def alone(llm, prompt, tokens) -> list[int]:
    """The answer while nothing else is there."""
    add(llm, "alone", prompt, tokens)
    ((_, answer),) = run(llm)
    return answer


def preemptions(llm) -> dict[str, int]:
    requests = scheduler_of(llm).requests.values()
    return {request.request_id.split("-")[0]: request.num_preemptions for request in requests}


def start_long(llm, tokens=LONG_TOKENS, **more) -> None:
    add(llm, "long", LONG, tokens, **more)
    run(llm, steps=10)
    settle(llm)


def test_requests_that_wait_go_in_the_order_of_their_predictions(llm):
    start_long(llm, 40, priority=-1)
    for length in (30, 10, 20):
        add(llm, f"r{length}", "x " * length, 3)
    settle(llm)
    assert [name for name, _ in run(llm)] == ["long", "r10", "r20", "r30"]


def test_a_request_that_can_run_at_once_is_asked_about_after_its_first_token(llm):
    add(llm, "first", SHORT, 20)
    (tracked,) = scheduler_of(llm).lengthwise._tracked.values()
    run(llm, steps=1)
    assert not tracked.told
    run(llm, steps=1)
    assert tracked.told
    run(llm)


def test_a_much_shorter_request_takes_the_place_of_a_long_one_and_answers_stay_the_same(llm):
    expected = [alone(llm, SHORT, SHORT_TOKENS), alone(llm, LONG, LONG_TOKENS)]
    start_long(llm)
    add(llm, "short", SHORT, SHORT_TOKENS)
    run(llm, steps=1)
    settle(llm)
    run(llm, steps=1)
    assert [name for name, times in preemptions(llm).items() if times] == ["long"]
    ended = run(llm)
    assert [name for name, _ in ended] == ["short", "long"]
    assert [answer for _, answer in ended] == expected


def test_one_is_preempted_no_more_often_than_the_cap(llm):
    start_long(llm)
    ended = []
    for number in range(6):
        add(llm, f"short{number}", SHORT, SHORT_TOKENS)
        ended += run(llm, steps=1)
        settle(llm)
        ended += run(llm, steps=3)
        ended += run(llm, steps=8)
    assert preemptions(llm)["long"] == 3
    run(llm)


def test_a_little_shorter_one_waits(llm):
    start_long(llm)
    add(llm, "shorter", LONG[:160], 40)
    settle(llm)
    assert [name for name, _ in run(llm)] == ["long", "shorter"]


def test_a_request_whose_caller_set_its_priority_is_neither_moved_nor_preempted(llm):
    start_long(llm, 60, priority=2**31 - 1)
    (request,) = scheduler_of(llm).requests.values()
    assert request.priority == 2**31 - 1
    add(llm, "short", SHORT, 6)
    settle(llm)
    assert [name for name, _ in run(llm)] == ["long", "short"]


def test_what_is_not_text_does_not_go_before_everything(llm):
    add(llm, "one token", SHORT, 1)
    (request,) = scheduler_of(llm).requests.values()
    assert request.priority > 0
    run(llm)


@pytest.mark.parametrize("broken", ["_keys", "_sidecar", "_tracked", "_preempting", "_new"])
def test_after_a_fault_of_ours_the_engine_goes_on_in_order_of_arrival(
    llm, monkeypatch, caplog, broken
):
    order = scheduler_of(llm).lengthwise
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    keys = order._keys
    monkeypatch.setattr(order, broken, object())  # using it raises
    if broken == "_keys":  # what cannot fail by itself is still there
        monkeypatch.setattr(order, "_keys", OnlyArrivals(keys))
    monkeypatch.setattr(order, "_on", True)  # restored at the end
    for name in ("first", "second", "third"):
        add(llm, name, SHORT, 4)
    assert all(request.priority > 0 for request in scheduler_of(llm).requests.values())
    assert [name for name, _ in run(llm)] == ["first", "second", "third"]
    assert not order._on
    said = {record.getMessage() for record in caplog.records}
    assert sum("Lengthwise is off" in line for line in said) == 1
    monkeypatch.undo()
    order._tracked.clear()
    order._by_number.clear()
    order._new.clear()
    order._prefilling.clear()


class OnlyArrivals:
    """A key maker that fails at all but the last resort."""

    def __init__(self, keys) -> None:
        self.arrival_key = keys.arrival_key


def test_the_helper_for_the_llm_class_runs_a_real_one(llm, predictor):
    prompts = ["tell me a long story about the sea", "hi"]
    params = SamplingParams(temperature=0, max_tokens=5, ignore_eos=True)
    outputs = generate_shortest_first(llm, prompts, params, target=predictor.target, use_tqdm=False)
    assert [output.prompt for output in outputs] == prompts
    assert all(len(output.outputs[0].token_ids) == 5 for output in outputs)

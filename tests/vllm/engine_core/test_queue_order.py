"""What becomes of the queue, step by step, without an engine."""

import math
import random
from types import SimpleNamespace

import pytest
import torch
from vllm import SamplingParams
from vllm.v1.request import RequestStatus

from lengthwise.scheduling import PreemptionRule
from lengthwise.scheduling.rules import AgedRule
from scheduler_client.advisor.key_maker import PROVISIONAL_LENGTHS
from scheduler_client.vllm_plugin.messages import Arrived, Ended, Learnt, encode
from scheduler_client.vllm_plugin.preemption.preempting import Preempting
from tests.scheduler_client.advisor.helpers import TurnedClock
from tests.vllm.engine_core.core_side import CoreSide


def numbers(messages):
    return [message.number for message in messages]


def test_of_an_end_the_rule_is_told_how_many_ran(monkeypatch):
    told = []
    monkeypatch.setattr(AgedRule, "finished", lambda _rule, job: told.append(job.batch_size))
    core = CoreSide()
    first, second = core.come(), core.come()
    core.step(first, second)
    core.sidecar.say((0, 7.0), (1, 7.0))
    core.step()
    core.end(first)
    core.end(second)
    assert told == [2, 1]


def test_an_id_that_comes_again_is_another_request():
    core = CoreSide()
    first = core.come("same")
    core.step(first)
    core.end(first)
    second = core.come("same")
    core.step()
    assert numbers(core.sidecar.heard(Arrived)) == [0, 1]
    core.sidecar.say((1, 7.0))
    core.step()
    assert core.order._by_number[1].engine_request is second


def test_predictions_order_the_queue_and_equal_priorities_of_callers_keep_their_own():
    core = CoreSide()
    lengths = {core.come().request_id: float(n) for n in random.Random(3).sample(range(90), 40)}
    for name in ("b", "a"):
        core.come(name, priority=5)
    core.step()
    core.sidecar.say(*enumerate(lengths.values()))
    core.step()
    assert core.waiting() == ["b", "a", *sorted(lengths, key=lengths.__getitem__)]
    assert core.is_heap()


def test_an_answer_about_a_running_request_leaves_the_queue_as_it_is():
    core = CoreSide()
    runs = core.come()
    for _ in range(8):
        core.come()
    core.step(runs)
    heap = core.scheduler.waiting._heap = list(core.scheduler.waiting._heap)
    heap[1], heap[2] = heap[2], heap[1]
    before = list(heap)
    core.sidecar.say((0, 9.0))
    core.step()
    assert heap == before
    assert core.order._by_number[0].settled


def test_after_a_bad_length_the_queue_is_a_heap_and_nothing_of_it_is_kept():
    core = CoreSide()
    requests = [core.come() for _ in range(40)]
    core.step()
    core.sidecar.say(*((n, 1_000.0 * (40 - n)) for n in range(39)), (39, math.nan))
    core.step()
    assert not core.order._on
    assert core.is_heap()
    kept = core.order._tracked, core.order._by_number, core.order._new, core.order._prefilling
    assert not any(kept)
    assert len(core.waiting()) == 40
    late = core.come("late")
    assert late.priority > max(request.arrival_time for request in requests) * 1e6


def test_a_victim_that_cannot_be_given_back_costs_the_others_no_second_place(monkeypatch):
    core = CoreSide()
    preempting = Preempting(core.scheduler, PreemptionRule())
    core.order._preempting = preempting
    first, second = core.come(), core.come()
    for victim in (first, second):
        core.scheduler.waiting.remove_request(victim)
    preempting._victims = [first, "no request", second]
    add = core.scheduler.waiting.add_request

    def adds_requests(victim):
        if victim == "no request":
            raise TypeError("on purpose")
        add(victim)

    monkeypatch.setattr(core.scheduler.waiting, "add_request", adds_requests)
    core.step()
    assert not core.order._on
    core.step()
    assert sorted(core.waiting()) == sorted([first.request_id, second.request_id])


class Unwilling:
    """A preemption rule that fails."""

    def decide(self, *_):
        raise RuntimeError("on purpose")


def test_a_failure_in_preemption_ends_preemption_alone(caplog):
    core = CoreSide()
    preempting = Preempting(core.scheduler, Unwilling())
    preempting._is_due = lambda _: True
    preempting._decide = Unwilling().decide
    core.order._preempting, core.order._preempts = preempting, True
    core.come()
    core.step()
    core.step()
    assert core.order._on
    core.sidecar.say((0, 7.0))
    core.step()
    assert core.order._by_number[0].settled
    assert core.sidecar.board.counts.internal_errors == 1


def test_all_of_a_burst_waited_though_the_sidecar_is_told_of_some_later():
    core = CoreSide()
    requests = [core.come() for _ in range(100)]
    core.step()
    core.step(*requests)
    assert core.sidecar.board.counts.waited_typical == 100


def test_answers_are_taken_in_over_several_steps():
    core = CoreSide()
    for _ in range(400):
        core.come()
    for _ in range(10):
        core.step()
        core.sidecar.heard()
    for at in range(0, 400, 40):
        core.sidecar.say(*((n, 9.0) for n in range(at, at + 40)))
    core.step()
    assert sum(tracked.settled for tracked in core.order._by_number.values()) == 160
    core.step()
    core.step()
    assert all(tracked.settled for tracked in core.order._by_number.values())


def test_the_name_of_an_adapter_is_the_model_unless_a_setting_names_one():
    lora = SimpleNamespace(lora_name="adapter")
    for options, said in (({}, "adapter"), ({"model": "known as"}, "known as")):
        core = CoreSide(**options)
        core.come(lora=lora)
        core.come()
        core.step()
        names = [arrived.model for arrived in core.sidecar.heard(Arrived)]
        assert names == [said, options.get("model", "llm")]


@pytest.mark.parametrize(
    "options",
    [
        {"mm_features": [object()]},
        {"ids": None, "prompt_embeds": torch.zeros(3, 8)},
        {"resumable": True},
    ],
    ids=["media", "embeddings", "a stream"],
)
def test_what_is_not_all_text_has_a_key_and_is_not_asked_about(options):
    core = CoreSide()
    request = core.come(**options)
    core.step()
    (arrived,) = core.sidecar.heard(Arrived)
    assert (arrived.asking, arrived.token_ids) == ("no_text", [])
    assert request.priority > 0


@pytest.mark.parametrize(
    ("stop", "runs_s"),
    [(None, 0.0), (["END"], 3.0)],
)
def test_an_abort_that_a_stop_string_may_have_caused_is_an_end_to_the_rule(
    stop, runs_s, monkeypatch
):
    """To the engine core both are aborts; of answers that end so, the rule learns the slots."""
    told = []
    monkeypatch.setattr(AgedRule, "finished", lambda _rule, job: told.append(job.service_s))
    clock = TurnedClock()
    core = CoreSide(clock=clock)
    request = core.come(params=SamplingParams(max_tokens=9, stop=stop))
    core.step(request)
    core.sidecar.say((0, 7.0))
    core.step()
    request.append_output_token_ids(7)
    clock.now_s += 3.0
    core.end(request, RequestStatus.FINISHED_ABORTED)
    assert told == [runs_s]


def test_of_a_request_whose_input_streams_nothing_is_learnt():
    """VLLM keeps the tokens of its last answer alone, and the times are those of all."""
    core = CoreSide()
    request = core.come(resumable=True)
    core.step(request)
    request.append_output_token_ids(7)
    core.end(request)
    core.sidecar.flush()
    (ended,) = core.sidecar.heard(Ended)
    assert not ended.finished.completed


def test_who_waited_untold_is_counted_as_ordered_by_what_is_typical(monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.outbox.MAX_WAITING_BYTES", 1)
    core = CoreSide()
    requests = [core.come() for _ in range(3)]
    core.step()
    core.step(*requests)
    core.step(core.come())
    counted = core.sidecar.board.counts
    assert (counted.waited_prediction, counted.waited_typical) == (0, 3)


def test_time_for_coming_and_ending_is_counted():
    core = CoreSide()
    request = core.come()
    came_s = core.order._guard.spent_s
    assert came_s > 0
    core.end(request)
    ended_s = core.order._guard.spent_s
    assert ended_s > came_s
    core.step()
    assert core.sidecar.board.counts.step_seconds > ended_s


def test_what_finished_requests_taught_is_what_the_next_are_taken_for():
    core = CoreSide(rule="shortest")
    core.sidecar.send(encode(Learnt((0.0, 0.5, 0.0), {"llm": 40.0}, 30.0)))
    core.step()
    taken_for = min(PROVISIONAL_LENGTHS * 40, 100)
    assert core.come().priority == pytest.approx(taken_for * 0.5 * 1e6, abs=2)

"""What is told to the sidecar and what becomes of the queue, step by step, without an engine."""

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
from scheduler_client.vllm_plugin.messages import Arrived, Counted, Ended, Learnt, encode
from scheduler_client.vllm_plugin.preemption.preempting import Preempting
from scheduler_client.vllm_plugin.queue_order import COUNT_EVERY_S, COUNT_LATE_S
from scheduler_client.vllm_plugin.text import MAX_DECODED_TOKENS
from tests.scheduler_client.advisor.helpers import TurnedClock
from tests.vllm.engine_core.core_side import CoreSide
from tests.wait_until import wait_until


def numbers(messages):
    return [message.number for message in messages]


def test_a_request_that_ends_before_its_first_step_is_told_of_once():
    core = CoreSide()
    core.end(core.come(), RequestStatus.FINISHED_ABORTED)
    core.step()
    core.step()
    said = core.sidecar.heard((Arrived, Ended))
    assert [type(message) for message in said] == [Arrived, Ended]
    assert said[0].asking == "not_asked"


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
    core.order._count(0.0)
    core.sidecar.flush()
    assert core.sidecar.heard(Counted)[-1].internal_errors == 1


def test_a_burst_is_told_in_bounded_steps():
    core = CoreSide()
    for _ in range(1_000):
        core.come()
    core.step()
    assert len(core.sidecar.heard(Arrived)) == 64
    assert len(core.sidecar._outbox) == 0  # nothing more was written
    told = 64
    for _ in range(15):
        core.step()
        told += len(core.sidecar.heard(Arrived))
    assert told == 1_000


def test_who_has_ended_keeps_nobody_from_being_told_of_and_is_let_go():
    core = CoreSide()
    gone = [core.come() for _ in range(1_000)]
    core.step()
    core.sidecar.heard()
    for request in gone:
        core.end(request, RequestStatus.FINISHED_ABORTED)
    core.step(core.come("starts at once"))
    late = core.come()
    core.step()
    (arrived,) = [m for m in core.sidecar.heard(Arrived) if m.asking == "ask"]
    assert core.order._tracked[late.request_id].number == arrived.number
    assert not core.order._to_tell


def test_of_who_never_started_no_stop_string_is_sought():
    core = CoreSide()
    request = core.come(params=SamplingParams(max_tokens=9, stop=["END"]))
    core.end(request, RequestStatus.FINISHED_ABORTED)
    (end,) = core.sidecar.heard(Ended)
    assert end.stop == []


@pytest.mark.parametrize("room_bytes", [0, 64 * 2**20])
def test_a_request_that_the_sidecar_is_not_told_of_counts_once(room_bytes, monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.outbox.MAX_WAITING_BYTES", room_bytes)
    core = CoreSide()
    request = core.come()
    core.step(request)
    request.append_output_token_ids(7)
    core.step()
    core.end(request)
    assert core.order._counted.unsent == (room_bytes == 0)


def test_what_turned_it_off_is_heard_of_though_the_socket_was_full():
    core = CoreSide()
    requests = [core.come(ids=range(2_000)) for _ in range(300)]
    core.step()
    for request in requests:
        core.end(request)
    core.order.after_step(None)  # a fault
    assert not core.order._on
    told = []

    def all_told():
        told.extend(core.sidecar.heard())
        return [m.internal_errors for m in told if isinstance(m, Counted)][-1:] == [1]

    wait_until(all_told, "the count of the fault")


def test_what_ends_behind_a_full_socket_is_told_with_its_request_to_the_next_sidecar():
    core = CoreSide()
    early = core.come()
    core.step()
    late = [core.come(ids=range(2_000)) for _ in range(300)]
    for _ in range(10):
        core.step()
    assert core.sidecar.is_behind
    core.end(early)
    core.sidecar.end()
    core.sidecar.start()
    told = []

    def all_told():
        core.step()
        told.extend(core.sidecar.heard())
        return sum(isinstance(message, Arrived) for message in told) > len(late)

    wait_until(all_told, "every request")
    (end,) = [at for at, m in enumerate(told) if isinstance(m, Ended)]
    assert told[end].number == 0
    assert 0 in [m.number for m in told[:end] if isinstance(m, Arrived)]


def test_who_found_no_room_is_told_of_when_there_is(monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.outbox.MAX_WAITING_BYTES", 1)
    core = CoreSide()
    for _ in range(3):
        core.come()
    told = []
    for _ in range(5):
        core.step()
        told += core.sidecar.heard(Arrived)
    assert numbers(told) == [0, 1, 2]


def test_where_no_step_follows_every_end_is_told_as_the_sidecar_reads():
    core = CoreSide()
    requests = [core.come(ids=range(2_000)) for _ in range(300)]
    core.step()
    for request in requests:
        core.end(request)
    told = []

    def all_told():
        told.extend(core.sidecar.heard())
        return sum(isinstance(message, Ended) for message in told) == 300

    wait_until(all_told, "300 ends")
    arrived = dict.fromkeys(m.number for m in told if isinstance(m, Arrived))  # some of them twice
    assert list(arrived) == list(range(300))


def test_all_of_a_burst_waited_though_the_sidecar_is_told_of_some_later():
    core = CoreSide()
    requests = [core.come() for _ in range(100)]
    core.step()
    core.step(*requests)
    assert core.order._counted.waited_typical == 100


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


def test_of_a_very_long_prompt_head_and_tail_are_told():
    core = CoreSide()
    core.come(ids=range(10_000))
    core.step()
    (arrived,) = core.sidecar.heard(Arrived)
    half = MAX_DECODED_TOKENS // 2
    assert arrived.token_ids == [*range(half), *range(10_000 - half, 10_000)]


ONE_TOKEN = SamplingParams(max_tokens=1)


@pytest.mark.parametrize(
    ("options", "came", "told"),
    [
        ({}, {}, True),
        ({"report": False}, {}, True),
        ({}, {"priority": 7}, True),
        ({"report": False}, {"priority": 7}, False),
        ({}, {"params": ONE_TOKEN}, False),
        ({"policy": "fcfs"}, {}, True),
        ({"policy": "fcfs", "report": False}, {}, False),
    ],
    ids=str,
)
def test_a_prompt_is_told_where_its_text_is_used(options, came, told):
    core = CoreSide(**options)
    core.come(**came)
    core.step()
    (arrived,) = core.sidecar.heard(Arrived)
    assert bool(arrived.token_ids) == told


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


def test_what_ends_before_the_next_step_is_told_to_the_sidecar_that_follows():
    core = CoreSide()
    request = core.come()
    core.step()
    core.sidecar.heard()
    core.sidecar.end()
    core.end(request)
    core.sidecar.start()
    core.step()
    said = core.sidecar.heard((Arrived, Ended))
    assert [(type(m), m.number) for m in said] == [(Arrived, 0), (Ended, 0)]


def test_long_ids_and_stop_strings_are_cut_to_what_the_sidecar_uses():
    core = CoreSide()
    stop = ["x" * 5_000, *(f"stop {n}" for n in range(40))]
    request = core.come("i" * 5_000, params=SamplingParams(max_tokens=9, stop=stop))
    core.step(request)
    request.append_output_token_ids(7)
    core.end(request, RequestStatus.FINISHED_ABORTED)
    (end,) = core.sidecar.heard(Ended)
    assert end.request_id == "i" * 900
    assert end.stop == stop[1:17]


def test_who_waited_untold_is_counted_as_ordered_by_what_is_typical(monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.outbox.MAX_WAITING_BYTES", 1)
    core = CoreSide()
    requests = [core.come() for _ in range(3)]
    core.step()
    core.step(*requests)
    core.step(core.come())
    counted = core.order._counted
    assert (counted.waited_predicted, counted.waited_typical) == (0, 3)


def test_the_counts_are_sent_once_for_a_lone_request():
    clock = TurnedClock()
    core = CoreSide(clock=clock)
    core.step()
    core.sidecar.heard()
    request = core.come()
    core.step(request)
    core.end(request)
    core.step()
    core.step()
    assert len(core.sidecar.heard(Counted)) == 1


def test_the_counts_wait_for_first_tokens_but_not_for_long():
    clock = TurnedClock()
    core = CoreSide(clock=clock)
    core.step()
    core.sidecar.heard()
    clock.now_s += COUNT_EVERY_S
    core.step(core.come())
    assert not core.sidecar.heard(Counted)
    clock.now_s += COUNT_LATE_S
    core.step()
    assert len(core.sidecar.heard(Counted)) == 1


def test_time_for_coming_and_ending_is_counted():
    core = CoreSide()
    request = core.come()
    came_s = core.order._guard.spent_s
    assert came_s > 0
    core.end(request)
    assert core.order._guard.spent_s > came_s


def test_another_sidecar_is_told_of_every_request_once_and_asked_about_the_unsettled():
    core = CoreSide()
    for _ in range(3):
        core.come()
    core.step()
    core.sidecar.say((0, 7.0))
    core.step()
    core.sidecar.end()
    core.step()
    core.come()
    core.step()  # told while there is no sidecar
    core.sidecar.start()
    for _ in range(3):
        core.step()
    said = core.sidecar.heard(Arrived)
    assert sorted((a.number, a.asking) for a in said) == [
        (0, "again"),
        (1, "ask"),
        (2, "ask"),
        (3, "ask"),
    ]


def test_what_finished_requests_taught_is_what_the_next_are_taken_for():
    core = CoreSide(rule="shortest")
    core.sidecar.send(encode(Learnt((0.0, 0.5, 0.0), {"llm": 40.0}, 30.0)))
    core.step()
    taken_for = min(PROVISIONAL_LENGTHS * 40, 100)
    assert core.come().priority == pytest.approx(taken_for * 0.5 * 1e6, abs=2)

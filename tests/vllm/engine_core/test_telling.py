"""What the sidecar is told, and when, without an engine."""

import pytest
from vllm import SamplingParams
from vllm.v1.request import RequestStatus

from scheduler_client.vllm_plugin.messages import Arrived, Ended
from scheduler_client.vllm_plugin.text import MAX_DECODED_TOKENS
from tests.vllm.engine_core.core_side import CoreSide
from tests.wait_until import wait_until

ONE_TOKEN = SamplingParams(max_tokens=1)


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
    assert core.sidecar.board.counts.sidecar_unsent == (room_bytes == 0)


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


def test_of_a_very_long_prompt_head_and_tail_are_told():
    core = CoreSide()
    core.come(ids=range(10_000))
    core.step()
    (arrived,) = core.sidecar.heard(Arrived)
    half = MAX_DECODED_TOKENS // 2
    assert arrived.token_ids == [*range(half), *range(10_000 - half, 10_000)]


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
    request = core.come("語" * 5_000, params=SamplingParams(max_tokens=9, stop=stop))
    core.step(request)
    request.append_output_token_ids(7)
    core.end(request, RequestStatus.FINISHED_ABORTED)
    (end,) = core.sidecar.heard(Ended)
    assert end.request_id == "語" * 500
    assert len(end.request_id.encode()) < 2_048 - 40, "less what makes it unique"
    assert end.stop == stop[1:17]


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

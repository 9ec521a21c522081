"""What a preemption costs the engine's loop, and what a failed one leaves behind."""

import time
from types import SimpleNamespace

import pytest
from vllm import SamplingParams
from vllm.v1.core.sched.request_queue import PriorityRequestQueue
from vllm.v1.request import Request, RequestStatus

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling import PreemptionRule
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.messages import encode_points
from scheduler_client.vllm_plugin.preemption import preempting as preempting_module
from scheduler_client.vllm_plugin.preemption.preempting import MAX_SHARE, Preempting
from scheduler_client.vllm_plugin.tracked import ExpectedLength
from tests.scheduler_client.advisor.helpers import TurnedClock

RULE = PreemptionRule(max_at_once=2)


class Engine:
    """A scheduler's queue and slots without an engine: the running are long, the waiting short."""

    def __init__(self, running: int, waiting: int) -> None:
        self.names = [f"long{n}" for n in range(running)] + [f"short{n}" for n in range(waiting)]
        requests = [self._made(name, place) for place, name in enumerate(reversed(self.names))]
        by_name = {request.request_id: request for request in requests}
        self.scheduler = SimpleNamespace(
            requests=by_name,
            running=[by_name[f"long{n}"] for n in range(running)],
            waiting=PriorityRequestQueue(),
            kv_holding_waiting=PriorityRequestQueue(),
            max_num_active_reqs=running,
            num_waiting_for_streaming_input=0,
            pause_state=SimpleNamespace(name="UNPAUSED"),
            requires_kv_delivery=False,
            _request_blocks_can_be_freed=lambda _: True,
            _preempt_request=self._preempt,
        )
        for request in self.scheduler.running:
            request.status = RequestStatus.RUNNING
        for number in range(waiting):
            self.scheduler.waiting.add_request(by_name[f"short{number}"])
        self.asked: list[str] = []
        points = encode_points(LengthDistribution((0.0, 1.0), (900.0, 1_000.0)))
        self.long = ExpectedLength(950.0, points)
        points = encode_points(LengthDistribution((0.0, 1.0), (1.0, 2.0)))
        self.short = [ExpectedLength(1.5, points) for _ in range(waiting)]

    def expected(self, name: str) -> ExpectedLength:
        return self.long if name.startswith("long") else self.short[int(name.removeprefix("short"))]

    @staticmethod
    def _made(name: str, priority: int) -> Request:
        params = SamplingParams(max_tokens=1_000)
        return Request(name, [1, 2], params, None, arrival_time=time.time(), priority=priority)

    def _preempt(self, request, _timestamp, *, drop_stale_output=False) -> None:
        request.status = RequestStatus.PREEMPTED
        self.scheduler.waiting.prepend_request(request)

    def waits(self) -> list[str]:
        return [request.request_id for request in self.scheduler.waiting]

    def runs(self) -> list[str]:
        return [request.request_id for request in self.scheduler.running]


def test_victims_are_out_of_the_queue_for_the_step_and_back_in_order_after_it():
    engine = Engine(running=3, waiting=40)
    preempting = Preempting(engine.scheduler, RULE)
    before = engine.waits()
    assert preempting.preempt(engine.expected, ServiceTimeModel()) == 2
    assert len(engine.runs()) == 1
    assert engine.waits() == before
    preempting.give_back()
    assert engine.waits()[:40] == before
    assert len(engine.waits()) == 42


def test_a_request_that_could_not_be_preempted_runs_on_in_its_place():
    engine = Engine(running=3, waiting=4)
    preempting = Preempting(engine.scheduler, RULE)

    def fails(*_, **__) -> None:
        raise TypeError("on purpose")

    engine.scheduler._preempt_request = fails
    before = engine.runs()
    with pytest.raises(TypeError, match="on purpose"):
        preempting.preempt(engine.expected, ServiceTimeModel())
    preempting.give_back()
    assert engine.runs() == before
    assert len(engine.waits()) == 4


def test_of_a_long_queue_a_decision_reads_the_front_and_the_spread_of_the_first_alone(monkeypatch):
    monkeypatch.setattr(preempting_module, "MAX_WAITING", 64)
    engine = Engine(running=3, waiting=500)
    asked: list[str] = []

    def expected(name: str) -> ExpectedLength:
        asked.append(name)
        return engine.expected(name)

    Preempting(engine.scheduler, RULE).preempt(expected, ServiceTimeModel())
    assert len(asked) == 64 + 3
    read = [name for name, one in enumerate(engine.short) if one._distribution is not None]
    assert len(read) == RULE.max_at_once


def test_looking_for_memory_counts_as_time_for_decisions():
    clock = TurnedClock()
    engine = Engine(running=2, waiting=4)
    engine.scheduler.max_num_active_reqs = 3  # a slot is free, and memory may be short
    preempting = Preempting(engine.scheduler, RULE, clock=lambda: clock.now_s, stopwatch=clock)
    looked = []

    def lacks_nothing() -> int:
        looked.append(clock.now_s)
        clock.now_s += 0.005
        return 0

    preempting._lacking_blocks = lacks_nothing
    began_s = clock.now_s
    for _ in range(100):
        preempting.preempt(engine.expected, ServiceTimeModel())
        clock.now_s += 0.01
    spent_s, passed_s = 0.005 * len(looked), clock.now_s - began_s
    assert looked
    assert spent_s <= 1.1 * MAX_SHARE * passed_s

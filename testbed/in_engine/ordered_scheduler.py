"""A scheduler that serves by a key of its user's, and preempts by it where memory is short.

For engines in this process: `scheduler.order = Order(...)` after the start.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import heapq
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vllm.v1.core.sched.scheduler import Scheduler

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling import PreemptionRule
from lengthwise.scheduling.service_time import ServiceTimeModel
from lengthwise.scheduling.swap_order import RunningJob, who_makes_room
from scheduler_client.vllm_plugin.messages import encode_points
from scheduler_client.vllm_plugin.preemption.device_blocks import freed_blocks, lacking_blocks
from scheduler_client.vllm_plugin.preemption.preempting import Preempting
from scheduler_client.vllm_plugin.tracked import ExpectedLength

TICKS_PER_S = 1000
"""vLLM's priorities are whole numbers."""


@dataclass(frozen=True)
class Order:
    """By what requests are served.

    Args:
        key: Of a request, in seconds; lower goes first.
        margin_s: See `who_makes_room`.
        ended: Told of each request that has ended: its number, when it first ran and when it ended,
            in seconds.
        expected: Tokens of a request's answer by its number, the mean and the distribution: with it
            the plugin's own preemption decides who makes room, by its rule and not by the margin.
        service_time: What tokens amount to in seconds, for that rule.
    """

    key: Callable[[Any], float]
    margin_s: float = 0.0
    ended: Callable[[int, float, float], None] | None = None
    expected: Callable[[int], tuple[float, LengthDistribution]] | None = None
    service_time: ServiceTimeModel = field(default_factory=ServiceTimeModel)


class OrderedScheduler(Scheduler):
    """vLLM's, with priorities that follow an order from step to step."""

    clock: Callable[[], float] = time.time
    _order: Order | None = None
    _preempting: Preempting | None = None
    _lengths: dict[int, ExpectedLength]

    @property
    def order(self) -> Order | None:
        """None serves by arrival."""
        return self._order

    @order.setter
    def order(self, order: Order | None) -> None:
        self._order, self._preempting, self._lengths = order, None, {}
        if order is not None and order.expected is not None:
            # What a decision takes is not on the clock, or no two runs would be the same.
            self._preempting = Preempting(self, PreemptionRule(), self.clock, lambda: 0.0)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        if self._order is None:
            return super().schedule(*args, **kwargs)
        with self._ordered(self._order):
            return super().schedule(*args, **kwargs)

    @contextmanager
    def _ordered(self, order: Order) -> Generator[None]:
        waiting = self.waiting._heap  # noqa: SLF001  vLLM has no other way
        for request in [*waiting, *self.running]:
            request.priority = int(order.key(request) * TICKS_PER_S)
        heapq.heapify(waiting)
        with self._room_made(order) if self._preempting is None else self._room_by_rule(order):
            yield

    @contextmanager
    def _room_by_rule(self, order: Order) -> Generator[None]:
        """As in the plugin."""
        assert self._preempting is not None  # noqa: S101  the order has expectations
        self._preempting.preempt(self._expected, order.service_time)
        try:
            yield
        finally:
            self._preempting.give_back()

    def _expected(self, request_id: str) -> ExpectedLength:
        """As the sidecar would have told it."""
        number = int(request_id.partition("-")[0])
        if number not in self._lengths:
            assert self._order is not None  # noqa: S101  as above
            assert self._order.expected is not None  # noqa: S101  as above
            tokens, distribution = self._order.expected(number)
            self._lengths[number] = ExpectedLength(tokens, encode_points(distribution))
        return self._lengths[number]

    @contextmanager
    def _room_made(self, order: Order) -> Generator[None]:
        first = next(iter(self.waiting._heap), None)  # noqa: SLF001  as above
        victims = [] if first is None else self._who_makes_room(first, order)
        for victim in victims:
            self.running.remove(victim)
            self._preempt_request(victim, time.monotonic())
            # It may come before the favoured in the queue: it is kept out of it for the step.
            self.waiting.remove_request(victim)
        try:
            yield
        finally:
            for victim in victims:
                self.waiting.add_request(victim)

    def _who_makes_room(self, first: Any, order: Order) -> list[Any]:
        """Whose blocks the first of the queue is to have."""
        lacking = lacking_blocks(self, first)
        if lacking < 1:
            return []
        running = {
            request.request_id: RunningJob(
                order.key(request), freed_blocks(self.kv_cache_manager, request.request_id)
            )
            for request in self.running
        }
        out = who_makes_room(
            running, favoured_key=order.key(first), margin=order.margin_s, wanted=lacking
        )
        return [self.requests[name] for name in out]

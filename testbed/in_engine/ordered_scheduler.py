"""A scheduler that serves by a key of its user's, and preempts by it where memory is short.

For engines in this process: `scheduler.order = Order(...)` after the start.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import heapq
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vllm.v1.core.sched.scheduler import Scheduler

from scheduler_client.vllm_plugin.swap.making_room import make_room

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
    """

    key: Callable[[Any], float]
    margin_s: float = 0.0
    ended: Callable[[int, float, float], None] | None = None


class OrderedScheduler(Scheduler):
    """vLLM's, with priorities that follow an order from step to step."""

    order: Order | None = None

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        if self.order is None:
            return super().schedule(*args, **kwargs)
        with self._ordered(self.order):
            return super().schedule(*args, **kwargs)

    @contextmanager
    def _ordered(self, order: Order) -> Generator[None]:
        waiting = self.waiting._heap  # noqa: SLF001  vLLM has no other way
        for request in [*waiting, *self.running]:
            request.priority = int(order.key(request) * TICKS_PER_S)
        heapq.heapify(waiting)
        victims = make_room(self, waiting[0], order.key, order.margin_s) if waiting else []
        for victim in victims:
            # It may come before the favoured in the queue: it is kept out of it for the step.
            self.waiting.remove_request(victim)
        try:
            yield
        finally:
            for victim in victims:
                self.waiting.add_request(victim)

"""Running requests make room for a much shorter waiting one, inside vLLM's scheduler.

Where all slots are taken one gives up its own; where memory is short instead, as many as it takes
give up their blocks.
"""

# pyright: reportPrivateUsage=false
# vLLM has no public way to preempt: what its own scheduler does is done here too.

import time
from collections.abc import Callable
from dataclasses import replace
from heapq import nsmallest
from itertools import islice

from lengthwise.scheduling import PreemptionRule, ScheduledJob
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.preemption.device_blocks import (
    counts_blocks,
    freed_blocks,
    lacking_blocks,
)
from scheduler_client.vllm_plugin.seams import EngineRequest, EngineScheduler
from scheduler_client.vllm_plugin.tracked import ExpectedLength
from scheduler_client.vllm_plugin.waiting_queues import ORDER, PRIORITY, reorder

SAFE = 1 << 30
"""Preemptions of a request that is not to be preempted: more than any cap."""

REVIEW_S = 0.25
"""While nothing comes or ends, decide anew so often: what is expected of the running rises."""

MAX_SHARE = 0.05
"""Of its time that the scheduler may spend on deciding."""

MAX_WAITING = 512
"""Requests of the queue, from its front, that a decision looks at, some microseconds for each: of a
longer queue it sees that much work."""

PREEMPTION_NEEDS = (
    "max_num_active_reqs",
    "num_waiting_for_streaming_input",
    "kv_holding_waiting",
    "pause_state",
    "requires_kv_delivery",
    "_request_blocks_can_be_freed",
    "_preempt_request",
)
"""Of vLLM's scheduler, looked up at its start."""


Expected = Callable[[str], ExpectedLength | None]
"""The length of a request, by vLLM's id; None of one that nobody knows."""


class Preempting:
    """Decides before a step, and carries it out with vLLM's own means.

    Args:
        scheduler: vLLM's, whose running requests go back into its queue.
        rule: Decides which ones, and for whom.
        clock: Wall clock, as of the requests' arrivals.
        stopwatch: Seconds, of what a decision takes.
    """

    def __init__(
        self,
        scheduler: EngineScheduler,
        rule: PreemptionRule,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._scheduler = scheduler
        self._rule = rule
        self._clock = clock
        self._stopwatch = stopwatch
        self._counts_blocks = counts_blocks(scheduler)
        self._seen: tuple[int, str | None] = (0, None)
        self._decided_s = 0.0
        self._next_s = 0.0
        self._victims: list[EngineRequest] = []

    def preempt(self, expected: Expected, service_time: ServiceTimeModel) -> int:
        """Take slots or memory, if it is time to look and worth it.

        A victim is kept out of the queue for the step, until `give_back`: it may come before the
        favoured in it, and vLLM's model runner does not expect to see it again at once.

        Args:
            expected: The length of any request.
            service_time: The engine's speed as fitted so far, which the rule decides by.

        Returns:
            How many victims there are.
        """
        now_s = self._clock()
        if not self._is_due(now_s):
            return 0
        began_s = self._stopwatch()
        try:
            if not self._has_free_slot() or self._lacking_blocks() >= 1:
                self._seen, self._decided_s = self._present(), now_s
                for victim in self._decide(expected, service_time, now_s):
                    self._take_off(self._scheduler.requests[victim.request_id])
        finally:
            if self._victims:  # they were taken out of it
                reorder(self._scheduler, unique=False)
            self._next_s = now_s + (self._stopwatch() - began_s) / MAX_SHARE
        return len(self._victims)

    def give_back(self) -> None:
        """The step is made: put its victims into the queue."""
        while self._victims:
            self._scheduler.waiting.add_request(self._victims.pop())

    def _is_due(self, now_s: float) -> bool:
        """Whether some wait, and something has changed.

        While more run than a live limit now admits, a slot that is taken is nobody's: whoever was
        to have it would wait on.
        """
        scheduler = self._scheduler
        if not len(scheduler.waiting) or self._taken() > scheduler.max_num_active_reqs:
            return False
        if len(scheduler.kv_holding_waiting) or scheduler.pause_state.name != "UNPAUSED":
            return False
        if now_s < self._next_s:
            return False
        return self._present() != self._seen or now_s - self._decided_s >= REVIEW_S

    def _present(self) -> tuple[int, str | None]:
        """Changes with whoever comes or ends."""
        requests = self._scheduler.requests
        return len(requests), next(reversed(requests), None)

    def _taken(self) -> int:
        return len(self._scheduler.running) + self._scheduler.num_waiting_for_streaming_input

    def _has_free_slot(self) -> bool:
        return self._taken() < self._scheduler.max_num_active_reqs

    def _lacking_blocks(self) -> int:
        """Of whoever vLLM would admit next: it admits nobody before that one fits."""
        if not self._counts_blocks:
            return 0
        heap = self._scheduler.waiting._heap  # noqa: SLF001  see _decide
        first = (
            heap[0] if _is_ready(heap[0]) else min(filter(_is_ready, heap), key=ORDER, default=None)
        )
        return 0 if first is None else lacking_blocks(self._scheduler, first)

    def _decide(
        self, expected: Expected, service_time: ServiceTimeModel, now_s: float
    ) -> list[ScheduledJob]:
        """Who is to go."""
        rule = replace(self._rule, service_time=service_time)
        heap = self._scheduler.waiting._heap  # noqa: SLF001  in no order: iterating would sort it
        ready = [request for request in islice(heap, MAX_WAITING) if _is_ready(request)]
        favoured = nsmallest(rule.max_at_once, ready, key=PRIORITY)
        waiting = [
            _job(
                request,
                expected(request.request_id),
                request.num_preemptions,
                spread=request in favoured,  # of the others none reads it, and making it takes time
            )
            for request in ready
        ]
        running = [
            _running(request, expected(request.request_id)) for request in self._scheduler.running
        ]
        if not self._has_free_slot():
            return [preemption.victim for preemption in rule.decide(running, waiting, now_s)]
        manager = self._scheduler.kv_cache_manager
        held = {job.request_id: freed_blocks(manager, job.request_id) for job in running}
        wanted = self._lacking_blocks()
        return rule.make_room(running, waiting, held=held, wanted=wanted, now_s=now_s)

    def _take_off(self, victim: EngineRequest) -> None:
        scheduler = self._scheduler
        if not scheduler._request_blocks_can_be_freed(victim):  # noqa: SLF001  vLLM's own means
            return
        place = scheduler.running.index(victim)
        del scheduler.running[place]
        try:
            scheduler._preempt_request(  # noqa: SLF001  as above
                victim, time.monotonic(), drop_stale_output=scheduler.requires_kv_delivery
            )
        except Exception:
            if victim.status.name == "RUNNING":  # vLLM would know it, and never look at it again
                scheduler.running.insert(place, victim)
            raise
        scheduler.waiting._heap.remove(victim)  # noqa: SLF001  put into order once, by `preempt`
        self._victims.append(victim)


def _running(request: EngineRequest, expected: ExpectedLength | None) -> ScheduledJob:
    """A request that runs.

    It is left to run if nothing was predicted (its caller may have set the priority), while its
    prompt is being read, and if its input comes as a stream.
    """
    movable = not (request.is_prefill_chunk or request.resumable)
    known = expected is not None and expected.predicted
    return _job(request, expected, request.num_preemptions if known and movable else SAFE)


def _job(
    request: EngineRequest,
    expected: ExpectedLength | None,
    preemptions: int,
    *,
    spread: bool = True,
) -> ScheduledJob:
    length = expected or ExpectedLength()
    return ScheduledJob(
        request_id=request.request_id,
        key=request.priority,
        arrival_s=request.arrival_time,
        input_tokens=request.num_prompt_tokens,
        generated_tokens=request.num_output_tokens,
        predicted_tokens=length.tokens,
        distribution=length.distribution if spread else None,
        preemptions=preemptions,
    )


def _is_ready(request: EngineRequest) -> bool:
    """Whether vLLM would admit it now."""
    return request.status.name in ("WAITING", "PREEMPTED") and not request.num_stale_output_tokens

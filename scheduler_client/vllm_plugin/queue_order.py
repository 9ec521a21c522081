"""The order of vLLM's waiting queue, by predicted lengths: all that runs in the engine's loop."""

import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor.key_maker import KeyMaker
from scheduler_client.advisor.request import Request
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.batch_limit.live_limit import LiveLimit
from scheduler_client.vllm_plugin.guard import Guard
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.messages import Learnt, Predicted
from scheduler_client.vllm_plugin.preemption.preempting import Preempting
from scheduler_client.vllm_plugin.seams import EngineRequest, EngineScheduler
from scheduler_client.vllm_plugin.sidecar_process import SidecarProcess
from scheduler_client.vllm_plugin.tracked import ExpectedLength, Tracked, has_text, whether_to_ask
from scheduler_client.vllm_plugin.waiting_queues import reorder

TOLD_AT_ONCE = 64
"""Requests in one step at the most: at some 10 us each under a millisecond."""


class QueueOrder:
    """Gives requests their priorities, and tells the sidecar of them.

    No method raises, and none but `close` waits. The first exception turns everything off: the log
    says so, requests that wait keep their places, and those that come are placed by their arrival,
    since vLLM's own priority of 0 would go before every key. One in deciding on preemption turns
    off that alone.

    Args:
        scheduler: vLLM's, whose waiting requests are put in order.
        settings: The rule, the LLM's name, shadow mode and whether lengths are reported.
        sidecar: The process that asks the predictor and reports to it.
        preempting: Takes slots; None if nobody's is to be taken.
        live_limit: Of the batch, for the metrics; None if there is none.
        clock: Monotonic time in seconds, by which requests' stages are measured.
    """

    def __init__(
        self,
        scheduler: EngineScheduler,
        settings: AdvisorSettings,
        sidecar: SidecarProcess,
        *,
        preempting: Preempting | None = None,
        live_limit: LiveLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._settings = settings
        self._sidecar = sidecar
        self._preempting = preempting
        self._live_limit = live_limit
        self._clock = clock
        self._keys = KeyMaker(settings.make_rule())
        served = scheduler.vllm_config.model_config.served_model_name
        self._model = settings.model or served
        by_priority = scheduler.scheduler_config.policy == "priority"
        self._asks = by_priority or settings.shadow
        self._orders = by_priority and not settings.shadow
        self._on = True
        self._guard = Guard(self._fail)
        self._preempts = preempting is not None
        """Until it fails."""
        self._numbers = itertools.count()
        self._tracked: dict[str, Tracked] = {}
        self._by_number: dict[int, Tracked] = {}
        self._new: list[Tracked] = []
        self._prefilling: list[Tracked] = []
        self._to_tell: deque[Tracked] = deque()
        self._untouched = 0
        self._lost_sidecars = sidecar.lost
        self._counts = sidecar.board.counts

    def arriving(self, engine_request: EngineRequest) -> None:
        """A request is about to enter the queue: it gets its provisional place."""
        if engine_request.request_id in self._scheduler.requests:
            return  # more input of a request that is there
        placed = engine_request.priority == 0 and self._orders
        if self._on:
            with self._guard("placing a request"):
                tracked = self._track(engine_request)
                if placed:
                    engine_request.priority = self._first_key(tracked)
                return
        if placed:  # off, or off since just now: placing it has failed
            engine_request.priority = self._keys.arrival_key(engine_request.arrival_time)

    def before_step(self) -> None:
        """Take in what the sidecar says, and bring the queue into that order."""
        if not self._on:
            return
        with self._guard("ordering the queue"):
            self._see_first_tokens()
            if changed := self._take_in():
                reorder(self._scheduler, changed, unique=not self._untouched)
            if self._preempts:
                self._preempt()

    def after_step(self, output: Any) -> None:
        """See who started, and send what the sidecar is to know."""
        if self._preempting is not None:  # even if off: whoever was taken off must not be lost
            with self._guard("giving victims of preemption back"):
                self._preempting.give_back()
        if not self._on:
            return
        with self._guard("telling the sidecar"):
            self._see_starts(output)
            self._see_who_waits()
            self._tell_again_if_lost()
            self._tell_some()
            self._sidecar.flush()
            self._counts.steps += 1
            self._counts.step_seconds = self._guard.spent_s
            if self._live_limit is not None:
                self._sidecar.board.batch_limit = self._live_limit.requests
                self._sidecar.board.itl_s = self._live_limit.itl_s

    def ended(self, engine_request: EngineRequest) -> None:
        """A request has ended, whichever way."""
        if not self._on:
            return
        with self._guard("taking in the end of a request"):
            self._tell_again_if_lost()
            tracked = self._tracked.pop(engine_request.request_id, None)
            if tracked is None:
                return
            del self._by_number[tracked.number]
            self._untouched -= tracked.asking == "untouched"
            self._tell_end(tracked)
            if not self._tracked:  # there may be no further step
                self._sidecar.flush()

    def close(self) -> None:
        """The engine ends: have the last reports sent."""
        try:
            self._sidecar.close(self._settings.close_timeout_s)
        except Exception:  # noqa: BLE001  the engine must end
            LOGGER.exception("Lengthwise's sidecar was not ended properly")

    def _track(self, engine_request: EngineRequest) -> Tracked:
        lora = engine_request.lora_request
        request = Request(
            model=self._model if lora is None else self._settings.model or lora.lora_name,
            max_tokens=engine_request.max_tokens,
            input_tokens=engine_request.num_prompt_tokens,
            arrival_s=engine_request.arrival_time,
        )
        readable = has_text(engine_request)
        asking = whether_to_ask(engine_request, readable=readable) if self._asks else "policy"
        tracked = Tracked(
            engine_request,
            request,
            next(self._numbers),
            asking,
            ExpectedLength(self._keys.expected_tokens(request)),
            self._clock(),
            reported=self._settings.report and readable and request.max_tokens != 1,
            streams=engine_request.resumable,
            settled=asking != "ask",
        )
        self._tracked[engine_request.request_id] = tracked
        self._by_number[tracked.number] = tracked
        self._new.append(tracked)
        self._untouched += asking == "untouched"
        return tracked

    def _first_key(self, tracked: Tracked) -> int:
        if tracked.asking == "ask":
            return self._keys.provisional_key(tracked.request)
        tracked.keyed = True
        return self._keys.key(tracked.request)

    def _take_in(self) -> list[EngineRequest]:
        """Read what the sidecar says; the requests that wait and are to have another place."""
        changed: list[EngineRequest] = []
        for message in self._sidecar.read():
            if isinstance(message, Learnt):
                self._keys.service_time = ServiceTimeModel(*message.rates)
                self._keys.typical_tokens = message.typical_tokens
                self._keys.typical_of_all_tokens = message.typical_of_all_tokens
            else:
                self._predicted(message, changed)
        return changed

    def _predicted(self, message: Predicted, changed: list[EngineRequest]) -> None:
        for number, tokens, points in message.lengths:
            if (tracked := self._by_number.get(number)) is not None:
                if tokens is not None:
                    tracked.expected = ExpectedLength(tokens, points)
                self._settle(tracked, changed)

    def _settle(self, tracked: Tracked, changed: list[EngineRequest]) -> None:
        """A request's length is known, or never will be: it gets its key; noted if it waits."""
        if tracked.settled:
            return
        tracked.settled = True
        if not self._orders:
            return
        expected = tracked.expected
        tokens = expected.tokens if expected.predicted else None
        distribution = expected.distribution if self._keys.needs_distribution else None
        key = self._keys.key(tracked.request, tokens, distribution)
        tracked.keyed = True
        engine_request = tracked.engine_request
        engine_request.priority = key
        if engine_request.status.name != "RUNNING":
            changed.append(engine_request)

    def _preempt(self) -> None:
        try:
            if self._preempting is not None:
                taken = self._preempting.preempt(self._expected, self._keys.service_time)
                self._counts.preemptions += taken
        except Exception:  # noqa: BLE001  the queue's order does not hang on it
            self._preempts = False
            self._counts.internal_errors += 1
            LOGGER.exception("Lengthwise preempts nobody from now on: taking a slot failed")

    def _expected(self, request_id: str) -> ExpectedLength | None:
        tracked = self._tracked.get(request_id)
        return None if tracked is None else tracked.expected

    def _see_starts(self, output: Any) -> None:
        for new in output.scheduled_new_reqs:
            tracked = self._tracked.get(new.req_id)
            if tracked is None or tracked.started_s:
                continue
            tracked.started_s = self._clock()
            self._prefilling.append(tracked)
            if tracked.waited and tracked.asking == "ask":
                if tracked.expected.predicted:
                    self._counts.waited_prediction += 1
                else:
                    self._counts.waited_typical += 1

    def _see_first_tokens(self) -> None:
        if not self._prefilling:
            return
        still: list[Tracked] = []
        for tracked in self._prefilling:
            if tracked.number not in self._by_number:
                continue
            if tracked.engine_request.num_output_tokens:
                tracked.first_token_s = self._clock()
                self._to_tell.append(tracked)
            else:
                still.append(tracked)
        self._prefilling = still

    def _see_who_waits(self) -> None:
        """Those that came and have to wait are told of; who runs is after its first token."""
        for tracked in self._new:
            if tracked.number in self._by_number and not tracked.started_s:
                tracked.waited = True
                self._to_tell.append(tracked)
        self._new.clear()

    def _tell_again_if_lost(self) -> None:
        """A sidecar has died: tell the next of every request that it knew."""
        if self._lost_sidecars == self._sidecar.lost:
            return
        self._lost_sidecars = self._sidecar.lost
        for tracked in self._tracked.values():
            if tracked.told:
                tracked.told, tracked.again = False, tracked.settled
                self._to_tell.append(tracked)

    def _tell_some(self) -> None:
        """Tell the sidecar of requests, as many as one step may."""
        told = 0
        while self._to_tell and told < TOLD_AT_ONCE:
            tracked = self._to_tell.popleft()
            if tracked.number in self._by_number and not tracked.told:
                tracked.told = self._sidecar.put(tracked.arrived())
                if not tracked.told:  # too much waits: it may be less at the next step
                    self._to_tell.appendleft(tracked)
                    return
                told += 1

    def _tell_end(self, tracked: Tracked) -> None:
        finished = tracked.finished(self._clock())
        end = tracked.ended(finished)
        # Whether a string ended it the sidecar finds out; the rule needs to know now.
        for_rule = replace(finished, finish_reason="stop") if end.stop else finished
        if tracked.keyed:
            running = len(self._scheduler.running)  # vLLM takes it out after the step
            self._keys.finished(tracked.request.arrival_s, for_rule, batch_size=running)
        tracked.reported &= for_rule.completed
        if not tracked.told:
            tracked.settled = True  # nobody needs to know any more
            tracked.told = self._sidecar.put(tracked.arrived())
        elif self._sidecar.is_behind:
            # The end may come to another sidecar than was told of it; one that was ignores this.
            tracked.again = tracked.settled
            self._sidecar.put(tracked.arrived())
        if not (tracked.told and self._sidecar.put(end)):
            self._counts.sidecar_unsent += 1

    def _fail(self, where: str) -> None:
        """Swallow the exception that is being handled, and be off from now on."""
        if not self._on:
            return
        self._on = False
        LOGGER.exception(
            "Lengthwise is off: %s failed; requests that come now are served in order of arrival",
            where,
        )
        self._counts.internal_errors += 1
        self._tracked, self._by_number, self._new, self._prefilling = {}, {}, [], []
        self._to_tell.clear()
        try:
            if self._orders:  # some priorities may have changed already
                reorder(self._scheduler, unique=False)
        except Exception:  # noqa: BLE001  as above
            LOGGER.warning("Lengthwise cannot bring the queue into order", exc_info=True)

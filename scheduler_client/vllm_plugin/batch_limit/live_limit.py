"""The engine's own limit on its batch follows the time between tokens, step by step.

`lengthwise.scheduling.batch_limit` decides; here are the steps that it goes by, and vLLM's limit,
which is set. Lowering it stops admission until enough requests have ended: nobody is preempted.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from lengthwise.scheduling.batch_limit import (
    BatchLimit,
    DecodeSpan,
    LimitOptions,
    follow,
    judge,
)
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.batch_limit.settings import itl_slo_s
from scheduler_client.vllm_plugin.guard import Guard
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.seams import EngineRequest, EngineScheduler, missing

SPAN_STEPS = 8
"""Steps from one decision to the next: few enough to meet a burst within a second, enough that one
prompt is not all of them."""

SPAN_SLOS = 8.0
"""Or so many times the SLO, if that is shorter: slow steps are what is to be met soon."""

LEAST_TOKENS = 8
"""Of an answer that the SLO is held against: of a shorter one the mean is that of single steps."""

LEAST_SHARE = 16
"""The floor is the engine's own limit over this: where no batch keeps the SLO, requests are still
served."""

LIMIT_NEEDS = ("max_num_active_reqs", "max_num_running_reqs", "running")
"""Of vLLM's scheduler, looked up at its start."""


class LiveLimit:
    """Sets `max_num_active_reqs` between a floor and what it was at the start.

    Never `max_num_running_reqs`, the model runner's slots: a batch above those ends the engine. No
    method raises: the first exception gives vLLM its own limit back for good, and the log says so.

    Args:
        scheduler: vLLM's own, whose present limit is the most that it will be.
        slo_s: Seconds between two tokens of a request that are promised, above 0.
        clock: Seconds of a clock that never goes back; asked for once in each step.
    """

    def __init__(
        self,
        scheduler: EngineScheduler,
        slo_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._start = scheduler.max_num_active_reqs
        self.options = LimitOptions(slo_s, max(1, self._start // LEAST_SHARE), self._start)
        self._limit = BatchLimit(float(self._start))
        self._on = True
        self._guard = Guard(self._fail)
        self._span_s = SPAN_SLOS * slo_s
        self._last_s = 0.0
        self._decoding = 0
        self._first_s: dict[str, float] = {}
        self._ended: list[tuple[float, int]] = []
        self._forget_span()

    @property
    def requests(self) -> int:
        """That may run at once, now."""
        return self._limit.requests if self._on else self._start

    @property
    def itl_s(self) -> float:
        """Seconds between two tokens of a request, of late; 0 before anything was seen."""
        return self._limit.recent.itl_s if self._limit.recent is not None else 0.0

    def before_step(self) -> None:
        """A step is about to be scheduled."""
        if not self._on:
            return
        with self._guard("setting the limit before a step"):
            # Where nobody runs, nobody waits: the time until a token comes is none between tokens.
            if not self._scheduler.running:
                self._decoding = 0
            self._set()

    def ended(self, request: EngineRequest) -> None:
        """A request is freed: the step that ended it, if one did, is not over yet."""
        if not self._on:
            return
        with self._guard("taking in the end of a request"):
            first_s = self._first_s.pop(request.request_id, None)
            if first_s is not None and _is_judged(request):
                self._ended.append((first_s, request.num_output_tokens))

    def after_step(self, step: Any, outputs: Any) -> None:
        """A step's tokens are there.

        Args:
            step: What was scheduled for it: a vllm.v1.core.sched.output.SchedulerOutput.
            outputs: What came of it, by client: vllm.v1.engine.EngineCoreOutputs.
        """
        if not self._on:
            return
        with self._guard("seeing a step"):
            self._see(step, outputs)

    def _fail(self, where: str) -> None:
        """Swallow the exception that is being handled, and be off from now on."""
        self._on = False
        self._first_s, self._ended = {}, []
        self._scheduler.max_num_active_reqs = self._start
        LOGGER.exception(
            "Lengthwise does not limit the batch from now on: %s failed; up to %d requests run at "
            "once, as without it",
            where,
            self._start,
        )

    def _see(self, step: Any, outputs: Any) -> None:
        tokens = got = ended = 0
        now_s = self._clock()
        for of_client in outputs.values():
            for output in of_client.outputs:
                if count := len(output.new_token_ids):
                    tokens += count
                    got += 1
                    if output.finish_reason is not None:
                        ended += 1
                    elif output.request_id not in self._first_s:
                        self._first_s[output.request_id] = now_s
        for first_s, of_answer in self._ended:
            itl_s = (now_s - first_s) / (of_answer - 1)
            self._limit = judge(self._limit, itl_s, self.options)
        self._ended.clear()
        if not got:
            return
        if self._decoding:
            # A pause of the engine is longer than any step: it must not outweigh all that comes.
            seconds = min(now_s - self._last_s, self._span_s)
            self._add(seconds, len(step.num_scheduled_tokens), tokens / got, ended)
        self._last_s, self._decoding = now_s, got - ended

    def _add(self, seconds: float, scheduled: int, tokens_each: float, ended: int) -> None:
        """Add the time since tokens last came: those who got some then have waited for it."""
        running = len(self._scheduler.running) + ended
        # Where steps overlap, as with pipeline parallelism, each has a part of the batch in it.
        turns = max(1.0, running / scheduled)
        self._steps += 1
        self._seconds += seconds
        self._running_s += running * seconds
        self._waited_s += self._decoding * turns * seconds
        self._tokens += self._decoding * tokens_each
        if self._steps >= SPAN_STEPS or self._seconds >= self._span_s:
            if self._seconds > 0:
                self._decide()
            self._forget_span()

    def _decide(self) -> None:
        span = DecodeSpan(self._seconds, self._running_s, self._waited_s, self._tokens)
        self._limit = follow(self._limit, span, self.options)
        self._set()

    def _set(self) -> None:
        """Have vLLM admit up to the limit.

        It counts sessions that wait for their next input beside those that run, though no step has
        them in it: as many as the limit would end all admission.
        """
        paused = getattr(self._scheduler, "num_waiting_for_streaming_input", 0)
        self._scheduler.max_num_active_reqs = min(self._start, self._limit.requests + paused)

    def _forget_span(self) -> None:
        self._steps = 0
        self._seconds = self._running_s = self._waited_s = self._tokens = 0.0


def _is_judged(request: EngineRequest) -> bool:
    """Whether what it waited for its tokens hangs on the batch alone."""
    return (
        request.status.name != "FINISHED_ABORTED"
        and request.num_output_tokens >= LEAST_TOKENS
        and not request.num_preemptions
    )


def limit_batch(
    scheduler: Any, environment: Mapping[str, str], *, sees_steps: bool = True
) -> LiveLimit | None:
    """What limits a scheduler's batch; None where nothing does, and then the log says why.

    Args:
        scheduler: vLLM's own, at the end of its construction.
        environment: That has the SLO, if there is one.
        sees_steps: Whether vLLM's class has the `update_from_output` that a mixin hides.
    """
    try:
        if (slo_s := itl_slo_s(environment)) is None:
            return None
        trouble = unexpected_of_limit(scheduler)
        if not sees_steps:
            trouble = "the scheduler of this vLLM has no update_from_output"
        settings = AdvisorSettings.from_environment(environment)
        if settings is not None and settings.shadow:
            trouble = "LENGTHWISE_SHADOW leaves everything as it is"
        if trouble is not None:
            LOGGER.warning("Lengthwise does not limit the batch: %s", trouble)
            return None
        limit = LiveLimit(scheduler, slo_s)
    except Exception:  # noqa: BLE001  the engine must start
        LOGGER.exception("Lengthwise does not limit the batch: it did not start")
        return None
    LOGGER.info(
        "Lengthwise limits the batch: %d to %d requests at once, as %g ms between tokens allow",
        limit.options.least,
        limit.options.most,
        1e3 * slo_s,
    )
    return limit


def unexpected_of_limit(scheduler: Any) -> str | None:
    """What of a scheduler is not as the limit needs it, in words; None if nothing is."""
    if lacks := missing(scheduler, LIMIT_NEEDS):
        return f"the scheduler of this vLLM has no {lacks}"
    active, slots = scheduler.max_num_active_reqs, scheduler.max_num_running_reqs
    if not (isinstance(active, int) and isinstance(slots, int) and 1 <= active <= slots):
        return (
            f"the scheduler of this vLLM has max_num_active_reqs {active!r} and "
            f"max_num_running_reqs {slots!r}: expected whole numbers, the first at most the second"
        )
    return None

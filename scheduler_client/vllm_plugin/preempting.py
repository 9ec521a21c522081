"""A running request makes room for a much shorter waiting one, inside vLLM's scheduler."""

# pyright: reportPrivateUsage=false
# vLLM has no public way to preempt: what its own scheduler does is done here too.

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from lengthwise.scheduling import Preemption, PreemptionRule
from scheduler_client.advisor.parse_setting import parse_options
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.scheduled_jobs import ScheduledJobs
from scheduler_client.vllm_plugin.seams import EngineScheduler, Request

OPTIONS = "LENGTHWISE_PREEMPTION_OPTIONS"
WHOLE_NUMBERS = ("max_preemptions", "max_at_once")

REVIEW_S = 0.25
"""While nothing comes or ends, decide anew so often: what is expected of the running rises."""

MAX_SHARE = 0.05
"""Of its time that the scheduler may spend on deciding."""


class Preempting:
    """Decides before a step, and carries it out with vLLM's own means.

    Any exception on the way turns it off: the scheduler goes on as vLLM's own.

    Args:
        scheduler: Whose requests are preempted.
        rule: Decides; None reads LENGTHWISE_PREEMPTION_OPTIONS.
        clock: Wall clock, as of the requests' arrivals.

    Raises:
        ValueError: If the variable has a bad value.
    """

    def __init__(
        self,
        scheduler: EngineScheduler,
        *,
        rule: PreemptionRule | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scheduler = scheduler
        self._rule = rule or rule_from_environment(os.environ)
        self._clock = clock
        self._jobs = ScheduledJobs()
        self._seen: tuple[int, str | None] = (0, None)
        self._decided_s = 0.0
        self._next_s = 0.0
        policy = scheduler.scheduler_config.policy
        self._on = policy == "priority"
        if self._on:
            LOGGER.info("Lengthwise's scheduler is on: it preempts for much shorter requests")
        else:
            LOGGER.warning(
                "Lengthwise's scheduler has no effect under --scheduling-policy %s: start vLLM "
                "with --scheduling-policy priority",
                policy,
            )

    @contextmanager
    def before_step(self) -> Generator[None]:
        """Preempt, then let the scheduler make its step within this context.

        A victim is kept out of the queue for the step: it may come before the favoured in it, and
        vLLM's model runner does not expect to see it again at once.
        """
        victims: list[Request] = []
        if self._on:
            try:
                self._preempt(victims)
            except Exception:  # noqa: BLE001  whatever it is: the engine must go on
                self._on = False
                LOGGER.exception("Lengthwise's scheduler is off: it goes on as vLLM's own")
        try:
            yield
        finally:
            for victim in victims:
                self._scheduler.waiting.add_request(victim)

    def _preempt(self, victims: list[Request]) -> None:
        now_s = self._clock()
        if not self._is_due(now_s):
            return
        began_s = time.perf_counter()
        decided = self._decide(now_s)
        took_s = time.perf_counter() - began_s
        self._next_s = now_s + took_s / MAX_SHARE
        for preemption in decided:
            self._take_off(self._scheduler.requests[preemption.victim.request_id], victims)

    def _is_due(self, now_s: float) -> bool:
        """Whether all slots are taken, some wait, and something has changed."""
        scheduler = self._scheduler
        taken = len(scheduler.running) + scheduler.num_waiting_for_streaming_input
        if taken < scheduler.max_num_active_reqs or not len(scheduler.waiting):
            return False
        if len(scheduler.kv_holding_waiting) or scheduler.pause_state.name != "UNPAUSED":
            return False
        if now_s < self._next_s:
            return False
        seen = len(scheduler.requests), next(reversed(scheduler.requests), None)
        if seen == self._seen and now_s - self._decided_s < REVIEW_S:
            return False
        self._seen, self._decided_s = seen, now_s
        return True

    def _decide(self, now_s: float) -> list[Preemption]:
        scheduler, jobs = self._scheduler, self._jobs
        jobs.forget_all_but(scheduler.requests)
        heap = scheduler.waiting._heap  # noqa: SLF001  in no order: iterating in order would sort it
        waiting = [jobs.waiting(request) for request in heap if _is_ready(request)]
        running = [jobs.running(request) for request in scheduler.running]
        rule = replace(self._rule, service_time=jobs.service_time)
        return rule.decide(running, waiting, now_s)

    def _take_off(self, victim: Request, victims: list[Request]) -> None:
        scheduler = self._scheduler
        if not scheduler._request_blocks_can_be_freed(victim):  # noqa: SLF001  vLLM's own means
            return
        scheduler.running.remove(victim)
        scheduler._preempt_request(  # noqa: SLF001  as above
            victim, time.monotonic(), drop_stale_output=scheduler.requires_kv_delivery
        )
        scheduler.waiting.remove_request(victim)
        victims.append(victim)


def rule_from_environment(env: Mapping[str, str]) -> PreemptionRule:
    """The rule, with the options in LENGTHWISE_PREEMPTION_OPTIONS ("name=value,name=value").

    Raises:
        ValueError: If they cannot be read, or one is unknown or out of range.
    """
    text = env.get(OPTIONS, "").strip()
    given = parse_options(text, OPTIONS) if text else {}
    options = {n: int(v) if n in WHOLE_NUMBERS else v for n, v in given.items()}
    try:
        return PreemptionRule(**options)  # pyright: ignore[reportArgumentType]  checked by it
    except (TypeError, ValueError) as error:
        raise ValueError(f"{OPTIONS} is {text!r}: {error}") from error


def _is_ready(request: Request) -> bool:
    """Whether vLLM would admit it now."""
    return request.status.name in ("WAITING", "PREEMPTED") and not request.num_stale_output_tokens

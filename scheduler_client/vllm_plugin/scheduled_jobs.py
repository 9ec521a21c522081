"""vLLM's requests as the preemption rule sees them."""

from lengthwise.scheduling import ScheduledJob
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.hints import Hint, decode_hint
from scheduler_client.vllm_plugin.seams import Request

SAFE = 1 << 30
"""Preemptions of a request that is not to be preempted: more than any cap."""

FIRST_TYPICAL_TOKENS = 200.0
_KEPT = 0.99


class ScheduledJobs:
    """Reads requests, each hint once."""

    def __init__(self) -> None:
        self._hints: dict[str, Hint | None] = {}
        self._waiting: dict[str, ScheduledJob] = {}
        self._typical_tokens = FIRST_TYPICAL_TOKENS
        self.service_time = ServiceTimeModel()

    def running(self, request: Request) -> ScheduledJob:
        """A request that runs.

        It is left to run if nothing was predicted (its caller may have set the priority), while its
        prompt is being read, and if its input comes as a stream.
        """
        self._waiting.pop(request.request_id, None)
        movable = not (request.is_prefill_chunk or request.resumable)
        known = movable and self._hint(request) is not None
        return self._job(request, request.num_preemptions if known else SAFE)

    def waiting(self, request: Request) -> ScheduledJob:
        """A request that waits: the same until it runs again."""
        job = self._waiting.get(request.request_id)
        if job is None or job.generated_tokens != request.num_output_tokens:
            job = self._job(request, request.num_preemptions)
            self._waiting[request.request_id] = job
        return job

    def forget_all_but(self, requests: dict[str, Request]) -> None:
        """Forget requests that have ended, once they are many."""
        if len(self._hints) > 2 * len(requests) + 64:
            self._hints = {name: self._hints[name] for name in requests if name in self._hints}
            kept = {name: self._waiting[name] for name in requests if name in self._waiting}
            self._waiting = kept

    def _job(self, request: Request, preemptions: int) -> ScheduledJob:
        hint = self._hint(request)
        return ScheduledJob(
            request_id=request.request_id,
            key=request.priority,
            arrival_s=request.arrival_time,
            input_tokens=request.num_prompt_tokens,
            generated_tokens=request.num_output_tokens,
            predicted_tokens=self._typical_tokens if hint is None else hint.expected_tokens,
            distribution=None if hint is None else hint.distribution,
            preemptions=preemptions,
        )

    def _hint(self, request: Request) -> Hint | None:
        if request.request_id not in self._hints:
            params = request.sampling_params
            hint = decode_hint(params.extra_args) if params is not None else None
            self._hints[request.request_id] = hint
            if hint is not None:
                self.service_time = hint.service_time
                self._typical_tokens += (1 - _KEPT) * (hint.expected_tokens - self._typical_tokens)
        return self._hints[request.request_id]

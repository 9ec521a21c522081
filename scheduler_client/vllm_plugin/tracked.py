"""A request in the engine, and what the sidecar is told of it."""

from dataclasses import dataclass
from typing import Any

from lengthwise.request import known_temperature
from scheduler_client.advisor.request import FinishedRequest, FinishReason, Request
from scheduler_client.vllm_plugin.messages import Arrived, Asking, Ended
from scheduler_client.vllm_plugin.preempting import ExpectedLength
from scheduler_client.vllm_plugin.seams import EngineRequest
from scheduler_client.vllm_plugin.text import MAX_TAIL_TOKENS, head_and_tail

REASONS: dict[str, FinishReason] = {
    "FINISHED_STOPPED": "stop",
    "FINISHED_LENGTH_CAPPED": "length",
    # Cut off because it repeated itself: it would have gone on.
    "FINISHED_REPETITION": "length",
    "FINISHED_ABORTED": "abort",
}


@dataclass(slots=True)
class Tracked:
    """A request from its arrival to its end.

    Args:
        engine_request: vLLM's.
        request: What its key is made of.
        number: By which the sidecar knows it.
        asking: Whether the sidecar is to ask about it, and if not why.
        expected: Its length: what is typical of its LLM, then what was predicted.
        came_s: When, on the monotonic clock, as the next two.
        started_s: When it was first scheduled; 0 before.
        first_token_s: When its first token was seen; 0 before.
        told: Whether the sidecar knows of it.
        settled: Whether its length is predicted, or known to stay unknown.
        keyed: Whether the rule counts it among those in the engine.
    """

    engine_request: EngineRequest
    request: Request
    number: int
    asking: Asking
    expected: ExpectedLength
    came_s: float
    started_s: float = 0.0
    first_token_s: float = 0.0
    told: bool = False
    settled: bool = False
    keyed: bool = False

    def arrived(self) -> Arrived:
        """What the sidecar is told first; about what is settled nobody need be asked any more."""
        engine_request = self.engine_request
        ids = engine_request.prompt_token_ids if has_text(engine_request) else None
        temperature = getattr(engine_request.sampling_params, "temperature", None)
        return Arrived(
            self.number,
            "not_asked" if self.asking == "ask" and self.settled else self.asking,
            head_and_tail(ids or ()),
            self.request.model,
            self.request.max_tokens,
            known_temperature(temperature),
        )

    def finished(self, now_s: float) -> FinishedRequest:
        """How it has ended, just now."""
        engine_request = self.engine_request
        started_s = self.started_s or now_s
        first_s = self.first_token_s or now_s
        return FinishedRequest(
            output_tokens=engine_request.num_output_tokens,
            input_tokens=engine_request.num_prompt_tokens,
            finish_reason=REASONS.get(engine_request.status.name, "error"),
            queued_s=started_s - self.came_s,
            prefill_s=first_s - started_s,
            decode_s=now_s - first_s,
            preemptions=engine_request.num_preemptions,
        )

    def ended(self, finished: FinishedRequest) -> Ended:
        """What the sidecar is told last."""
        engine_request = self.engine_request
        aborted = finished.finish_reason == "abort"
        stop = _stop_strings(engine_request.sampling_params) if aborted else []
        return Ended(
            self.number,
            engine_request.request_id,
            finished.output_tokens,
            finished.input_tokens,
            finished.finish_reason,
            finished.queued_s,
            finished.prefill_s,
            finished.decode_s,
            finished.preemptions,
            stop,
            list(engine_request.output_token_ids[-MAX_TAIL_TOKENS:]) if stop else [],
        )


def has_text(engine_request: EngineRequest) -> bool:
    """Whether a prompt is text alone, all of which is there, and is to be answered with text."""
    return (
        engine_request.prompt_token_ids is not None
        and engine_request.prompt_embeds is None
        and not engine_request.mm_features
        and engine_request.sampling_params is not None
        and not engine_request.resumable
    )


def _stop_strings(params: Any) -> list[str]:
    stop = getattr(params, "stop", None) or []
    return [stop] if isinstance(stop, str) else list(stop)

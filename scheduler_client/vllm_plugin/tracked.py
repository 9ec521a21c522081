"""A request in the engine, how long it is taken to be, and what the sidecar is told of it."""

from dataclasses import dataclass

from lengthwise.length_distribution import LengthDistribution
from lengthwise.request import known_temperature
from scheduler_client.advisor.request import FinishedRequest, FinishReason, Request
from scheduler_client.advisor.typical_lengths import START_TOKENS
from scheduler_client.vllm_plugin.messages import Arrived, Asking, Ended, Points, decode_points
from scheduler_client.vllm_plugin.seams import EngineRequest
from scheduler_client.vllm_plugin.text import MAX_TAIL_TOKENS, head_and_tail

REASONS: dict[str, FinishReason] = {
    "FINISHED_STOPPED": "stop",
    "FINISHED_LENGTH_CAPPED": "length",
    # Cut off because it repeated itself: it would have gone on.
    "FINISHED_REPETITION": "length",
    "FINISHED_ABORTED": "abort",
}

MAX_ID_CHARS = 500
"""Of a request's id in its report: the predictor takes so many in any script."""

MAX_STOP_STRINGS, MAX_STOP_CHARS = 16, 1_000
"""Of a request, that the sidecar looks for: all of them are a fraction of a packet."""


class ExpectedLength:
    """The length of an answer, as far as it is known before.

    Args:
        tokens: The mean of the prediction, or what is typical of the LLM.
        points: The prediction as it came; None if there is none.
    """

    __slots__ = ("_distribution", "_points", "tokens")

    def __init__(self, tokens: float = START_TOKENS, points: Points | None = None) -> None:
        self.tokens = tokens
        self._points = points
        self._distribution: LengthDistribution | None = None

    @property
    def predicted(self) -> bool:
        """Whether it is a prediction."""
        return self._points is not None

    @property
    def distribution(self) -> LengthDistribution | None:
        """The prediction, made of its points where it is asked for: few rules do."""
        if self._distribution is None and self._points is not None:
            self._distribution = LengthDistribution(*decode_points(self._points))
        return self._distribution


@dataclass(slots=True)
class Tracked:
    """A request from its arrival to its end.

    Args:
        engine_request: vLLM's object, which the engine brings up to date as it goes.
        request: What its key is made of.
        number: By which the sidecar knows it.
        asking: Whether the sidecar is to ask about it, and if not why.
        expected: Its length: what is typical of its LLM, then what was predicted.
        came_s: When, on the monotonic clock, as the next two.
        reported: Whether its end is reported, for which its text is needed.
        streams: Whether its input comes as a stream: then vLLM keeps the tokens of the last answer
            alone, and the times are those of all.
        started_s: When it was first scheduled; 0 before.
        first_token_s: When its first token was seen; 0 before.
        waited: Whether it was still there after the step in which it came.
        told: Whether the sidecar knows of it, or will.
        again: Whether an earlier sidecar has counted it, and nobody need be asked any more.
        settled: Whether its length is predicted, or known to stay unknown.
        keyed: Whether the rule counts it among those in the engine.
    """

    engine_request: EngineRequest
    request: Request
    number: int
    asking: Asking
    expected: ExpectedLength
    came_s: float
    reported: bool
    streams: bool = False
    started_s: float = 0.0
    first_token_s: float = 0.0
    waited: bool = False
    told: bool = False
    again: bool = False
    settled: bool = False
    keyed: bool = False

    def arrived(self) -> Arrived:
        """What the sidecar is told first; about what is settled nobody need be asked any more.

        Its prompt goes along only where somebody will use the text.
        """
        engine_request = self.engine_request
        asking = "not_asked" if self.asking == "ask" and self.settled else self.asking
        asking = "again" if self.again else asking
        ids = engine_request.prompt_token_ids if asking == "ask" or self.reported else None
        temperature = getattr(engine_request.sampling_params, "temperature", None)
        return Arrived(
            self.number,
            asking,
            head_and_tail(ids or []),
            self.request.model,
            self.request.max_tokens,
            known_temperature(temperature),
        )

    def finished(self, now_s: float) -> FinishedRequest:
        """How it has ended, just now."""
        engine_request = self.engine_request
        started_s = self.started_s or now_s
        first_s = self.first_token_s or now_s
        reason = "error" if self.streams else REASONS.get(engine_request.status.name, "error")
        return FinishedRequest(
            output_tokens=engine_request.num_output_tokens,
            input_tokens=engine_request.num_prompt_tokens,
            finish_reason=reason,
            queued_s=started_s - self.came_s,
            prefill_s=first_s - started_s,
            decode_s=now_s - first_s,
            preemptions=engine_request.num_preemptions,
        )

    def ended(self, finished: FinishedRequest) -> Ended:
        """What the sidecar is told last."""
        engine_request = self.engine_request
        ended = Ended(self.number, engine_request.request_id[:MAX_ID_CHARS], finished)
        if finished.finish_reason == "abort" and finished.output_tokens > 0:
            params = engine_request.sampling_params
            strings = [string for string in params.stop if len(string) <= MAX_STOP_CHARS]
            if strings:
                ended.stop = strings[:MAX_STOP_STRINGS]
                ended.output_ids = list(engine_request.output_token_ids[-MAX_TAIL_TOKENS:])
                ended.skip_special_tokens = params.skip_special_tokens
        return ended


def has_text(engine_request: EngineRequest) -> bool:
    """Whether a prompt is text alone, all of which is there, and is to be answered with text."""
    return (
        engine_request.prompt_token_ids is not None
        and engine_request.prompt_embeds is None
        and not engine_request.mm_features
        and engine_request.sampling_params is not None
        and not engine_request.resumable
    )


def whether_to_ask(engine_request: EngineRequest, *, readable: bool) -> Asking:
    """Whether to have a request predicted that came, and if not why.

    Args:
        engine_request: vLLM's object, of which priority and limit are read.
        readable: Whether `has_text` says that a prediction has something to go by.
    """
    if engine_request.priority != 0:
        return "untouched"
    if not readable:
        return "no_text"
    return "not_asked" if engine_request.max_tokens == 1 else "ask"

"""What a request must be. Every refusal says which field, what was expected and what came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.history.database.completion import storable
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.model_contexts import NOT_KNOWN, ModelContexts
from lengthwise.request import (
    MAX_OUTPUT_TOKENS,
    MAX_TEMPERATURE,
    FinishReason,
    SamplingOptions,
)
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.errors import InvalidRequestError

DEFAULT_NEIGHBOURS = 3
"""Past prompts that an answer names where a request does not say how many."""

MAX_NEIGHBOURS = 32
"""Past prompts that a request may have named: enough to explain it, few enough for one message."""

MAX_MESSAGES = 4_096
"""Turns of one conversation."""

MAX_NAME_CHARS = 1_024
"""Bound on ids, roles and names of LLMs, which are kept and logged."""

MAX_ID_BYTES = 2_048
"""Bound on a completion's id as UTF-8, with which it and its caller's name fit the 2,704 bytes of
an entry in PostgreSQL's index. The other stores have the same, so that a history can be moved."""

FINISH_REASONS: dict[int, FinishReason] = {
    pb.FINISH_REASON_STOP: "stop",
    pb.FINISH_REASON_LENGTH: "length",
}
"""Names of history rows for those of the wire."""


class HasPrompt(Protocol):
    """The fields that PredictRequest and Completion share."""

    @property
    def prompt(self) -> str: ...
    @property
    def messages(self) -> Sequence[pb.ChatMessage]: ...


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a request may be at most.

    Args:
        max_prompt_chars: Characters of a prompt, or of a conversation once rendered.
        max_batch_items: Requests or completions in one message.
        contexts: Of the LLMs: what is reported beyond one is cut to it.
    """

    max_prompt_chars: int
    max_batch_items: int
    contexts: ModelContexts = NOT_KNOWN

    def check_count(self, field: str, count: int) -> None:
        """Check the number of items in a message.

        Raises:
            InvalidRequestError: There are none or too many.
        """
        if not 1 <= count <= self.max_batch_items:
            raise InvalidRequestError(
                f"{field} has {count:,} items: expected 1 to {self.max_batch_items:,}"
                + (f"; split it into {-(-count // self.max_batch_items)}" if count else "")
            )

    def query(self, request: pb.PredictRequest) -> Query:
        """What a request asks.

        Raises:
            InvalidRequestError: It cannot be asked.
        """
        model = request.model
        if len(model) > MAX_NAME_CHARS or len(request.request_id) > MAX_NAME_CHARS:
            _check_name("model", model)
            _check_name("request_id", request.request_id)
        neighbour_count = DEFAULT_NEIGHBOURS
        if request.HasField("neighbour_count"):
            neighbour_count = request.neighbour_count
            if neighbour_count > MAX_NEIGHBOURS:
                raise InvalidRequestError(
                    f"neighbour_count is {neighbour_count}: expected 0 to {MAX_NEIGHBOURS}"
                )
        sampling = _sampling(request)
        return Query(
            self._text(request),
            model,
            neighbour_count,
            request.include_neighbour_text,
            **sampling,
        )

    def record(self, completion: pb.Completion, where: str, caller: str = "") -> HistoryRecord:
        """The row of history that a completion is.

        Args:
            completion: The message that reports it.
            where: Put before the field's name in errors.
            caller: Who reports it, as the guard names callers.

        Raises:
            InvalidRequestError: It cannot be one.
        """
        try:
            return self._record(completion, caller)
        except (InvalidRequestError, InvalidInputError) as error:
            raise InvalidRequestError(f"{where}{error}") from error

    def _record(self, completion: pb.Completion, caller: str) -> HistoryRecord:
        if not completion.request_id:
            raise InvalidRequestError(
                "request_id is empty: expected an id unique to this completion, so that a "
                "repeated report is recognised"
            )
        _check_name("request_id", completion.request_id)
        _check_id_bytes(completion.request_id)
        _check_name("model", completion.model)
        sampling = _sampling(completion)
        return HistoryRecord(
            prompt=self._text(completion),
            output_tokens=self.contexts.capped(completion.model, completion.output_tokens),
            model=completion.model,
            id=completion.request_id,
            finish_reason=_finish_reason(completion, sampling.get("max_tokens")),
            caller=caller,
            **sampling,
        )

    def _text(self, request: HasPrompt) -> str:
        """The prompt, or the conversation rendered into one."""
        text = request.prompt
        field = "prompt"
        if request.messages:
            if text:
                raise InvalidRequestError(
                    "both prompt and messages are set: expected one of them, the rendered prompt "
                    "or the conversation"
                )
            text = _conversation(request.messages)
            field = "messages"
        if not text or text.isspace():
            raise InvalidRequestError(
                f"{field} is empty: expected at least one visible character in prompt or messages"
            )
        if len(text) > self.max_prompt_chars:
            raise InvalidRequestError(
                f"{field} has {len(text):,} characters: expected at most {self.max_prompt_chars:,}"
            )
        return text


def _check_name(field: str, value: str) -> None:
    if len(value) > MAX_NAME_CHARS:
        raise InvalidRequestError(
            f"{field} has {len(value):,} characters: expected at most {MAX_NAME_CHARS:,}"
        )


def _check_id_bytes(request_id: str) -> None:
    _, size = storable(request_id)
    if size > MAX_ID_BYTES:
        raise InvalidRequestError(
            f"request_id takes {size:,} bytes of UTF-8: expected at most {MAX_ID_BYTES:,}"
        )


def _sampling(message: pb.PredictRequest | pb.Completion) -> SamplingOptions:
    """The conditions, which both messages have under the same names."""
    sampling: SamplingOptions = {}
    if message.HasField("max_tokens"):
        sampling["max_tokens"] = _limit(message.max_tokens)
    if message.HasField("temperature"):
        sampling["temperature"] = _temperature(message.temperature)
    return sampling


def _limit(max_tokens: int) -> int | None:
    """A limit that no answer reaches, such as the largest int32, is none."""
    if max_tokens == 0:
        raise InvalidRequestError("max_tokens is 0: expected at least 1, or leave it out")
    return max_tokens if max_tokens <= MAX_OUTPUT_TOKENS else None


def _temperature(temperature: float) -> float:
    """As the caller wrote it, before 32 bits made 0.699999988 of 0.7."""
    if not 0 <= temperature <= MAX_TEMPERATURE:  # which nan is not either
        raise InvalidRequestError(
            f"temperature is {temperature:g}: expected 0 to {MAX_TEMPERATURE:g}, or leave it out"
        )
    return float(str(np.float32(temperature)))


def _conversation(messages: Sequence[pb.ChatMessage]) -> str:
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequestError(
            f"messages has {len(messages):,} items: expected at most {MAX_MESSAGES:,}"
        )
    turns: list[ChatMessage] = []
    for i, message in enumerate(messages):
        if not message.role:
            raise InvalidRequestError(
                f"messages[{i}].role is empty: expected 'system', 'user' or 'assistant'"
            )
        _check_name(f"messages[{i}].role", message.role)
        turns.append(ChatMessage(message.role, message.content))
    return render_conversation(turns)


def _finish_reason(completion: pb.Completion, max_tokens: int | None) -> FinishReason:
    """Given, or told by whether the answer reached its limit."""
    if completion.finish_reason == pb.FINISH_REASON_UNSPECIFIED:
        reached = max_tokens is not None and completion.output_tokens >= max_tokens
        return "length" if reached else "stop"
    reason = FINISH_REASONS.get(completion.finish_reason)
    if reason is None:
        raise InvalidRequestError(
            f"finish_reason is {completion.finish_reason}: expected FINISH_REASON_STOP (1) or "
            "FINISH_REASON_LENGTH (2)"
        )
    return reason

"""How a request ended, as LiteLLM's standard logging payload tells it.

Its `status` does not say whether an answer is whole: a client that leaves in the middle of a stream
is logged as success with finish reason "stop", and the error code alone, 499, tells.
"""

from collections.abc import Mapping
from typing import Any

from scheduler_client.gateways.answer_parts import AnswerParts
from scheduler_client.gateways.ending import Ending, EndingKind
from scheduler_client.gateways.json_object import as_object

CLIENT_LEFT = "499"
"""The error code, of nginx's invention, that LiteLLM gives a client that closed the connection."""

FAILED = Ending("error")
"""Of a call that gave no answer at all."""


def read_ending(payload: Mapping[str, Any]) -> Ending:
    """Read a standard logging payload, that of a success or a failure."""
    parts = AnswerParts()
    # LiteLLM's own counts are there where the backend told none.
    counts = {name: payload.get(name) for name in ("completion_tokens", "prompt_tokens")}
    parts.take({**as_object(payload.get("response")), "usage": counts})
    return Ending(
        kind=_kind(payload, parts),
        output_tokens=parts.output_tokens or 0,
        input_tokens=parts.input_tokens,
        first_token_s=_time_s(payload, "completionStartTime") if payload.get("stream") else None,
        ended_s=_time_s(payload, "endTime"),
    )


def _kind(payload: Mapping[str, Any], parts: AnswerParts) -> EndingKind:
    code = str(as_object(payload.get("error_information")).get("error_code") or "")
    if code == CLIENT_LEFT:
        return "abort"
    if code or payload.get("status") != "success" or payload.get("cache_hit"):
        return "error"
    return "no_usage" if parts.output_tokens is None else parts.finish_reason or "error"


def _time_s(payload: Mapping[str, Any], name: str) -> float | None:
    value = payload.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else None

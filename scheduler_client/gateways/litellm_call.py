"""A call as LiteLLM tells it: before, in its pre-call hook, and ended, in its logging payload.

The payload's `status` does not say whether an answer is whole: a client that leaves in the middle
of a stream is logged as success with finish reason "stop", and the error code alone, 499, tells.
"""

from collections.abc import Mapping
from typing import Any

from scheduler_client.gateways.answer_parts import AnswerParts, as_object
from scheduler_client.gateways.api_request import ApiRequest, read_api_request
from scheduler_client.gateways.ending import Ending, EndingKind
from scheduler_client.gateways.priorities import RequestFields, with_fields, with_headers

CLIENT_LEFT = "499"
"""The error code, of nginx's invention, that LiteLLM gives a client that closed the connection."""

FAILED = Ending("error")
"""Of a call that gave no answer at all."""

GENERATIONS = frozenset(
    {
        *("completion", "acompletion", "text_completion", "atext_completion"),
        *("responses", "aresponses", "anthropic_messages"),
    }
)
"""Types of calls that generate text; embeddings, images, audio, rerank and the like are not."""


def read_call(data: Mapping[str, Any], call_type: str) -> ApiRequest | None:
    """Read a call; None if it generates no text.

    Of a completion that names no limit it is not known whether the engine sets one: LiteLLM makes a
    chat of it for some providers.
    """
    return read_api_request(data) if call_type in GENERATIONS else None


def added_to(data: Mapping[str, Any], fields: RequestFields) -> dict[str, dict[str, Any]]:
    """What of a call changes when fields are added to what is sent on.

    `extra_headers` and `extra_body` are what LiteLLM hands on; a `priority` in the call itself is
    for its own queue and never reaches the backend. What the caller set there stays.
    """
    changed: dict[str, dict[str, Any]] = {}
    if fields.headers:
        changed["extra_headers"] = with_headers(
            as_object(data.get("extra_headers")), fields.headers
        )
    if fields.body:
        changed["extra_body"] = with_fields(as_object(data.get("extra_body")), fields.body)
    return changed


def read_ending(payload: Mapping[str, Any]) -> Ending:
    """Read a standard logging payload, that of a success or a failure."""
    parts = AnswerParts()
    # LiteLLM's own counts are there where the backend told none.
    counts = {name: payload.get(name) for name in ("completion_tokens", "prompt_tokens")}
    parts.take({**as_object(payload.get("response")), "usage": counts})
    return Ending(
        kind=_ending_kind(payload, parts),
        output_tokens=parts.output_tokens or 0,
        input_tokens=parts.input_tokens,
        first_token_s=_time_s(payload, "completionStartTime") if payload.get("stream") else None,
        ended_s=_time_s(payload, "endTime"),
    )


def answering_model(payload: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """The name under which the model was asked that gave the answer; "" if it is the caller's own.

    After a fallback it is that of another model. It differs without one where the router has names
    of its own, as for a team's models, and there LiteLLM counts no fallbacks.

    Args:
        payload: A standard logging payload, that of a success.
        metadata: Of the call, as LiteLLM's router has left it.
    """
    if metadata.get("attempted_fallbacks") == 0:
        return ""
    name = payload.get("model_group")
    return name if isinstance(name, str) else ""


def metadata_of(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the call that LiteLLM tells of; empty where it says nothing."""
    params = as_object(kwargs.get("litellm_params"))
    # Which of the two the router uses hangs on the API that was called.
    return {**as_object(params.get("litellm_metadata")), **as_object(params.get("metadata"))}


def _ending_kind(payload: Mapping[str, Any], parts: AnswerParts) -> EndingKind:
    code = str(as_object(payload.get("error_information")).get("error_code") or "")
    if code == CLIENT_LEFT:
        return "abort"
    if code or payload.get("status") != "success" or payload.get("cache_hit"):
        return "error"
    return "no_usage" if parts.output_tokens is None else parts.finish_reason or "error"


def _time_s(payload: Mapping[str, Any], name: str) -> float | None:
    value = payload.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else None

"""A call as LiteLLM's pre-call hook has it: what is asked about it, and what is added to it."""

from collections.abc import Mapping
from typing import Any

from scheduler_client.advisor.api_request import ApiRequest, read_api_request
from scheduler_client.gateways.json_object import as_object
from scheduler_client.gateways.priorities import RequestFields, with_fields, with_headers

GENERATIONS = frozenset(
    {
        *("completion", "acompletion", "text_completion", "atext_completion"),
        *("responses", "aresponses", "anthropic_messages"),
    }
)
"""Types of calls that generate text; embeddings, images, audio, rerank and the like are not."""


def read_call(data: Mapping[str, Any], call_type: str) -> ApiRequest | None:
    """Read a call; None if it generates no text."""
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

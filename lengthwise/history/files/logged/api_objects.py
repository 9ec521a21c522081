"""Requests and responses of the LLM APIs, which most logs hold inside their own rows."""

import json
from collections.abc import Mapping
from typing import Any, cast

from lengthwise.history.files.left_out import CANCELLED, FAILED, LeftOut, is_error
from lengthwise.history.files.logged.logged_request import (
    LIMIT_KEYS,
    LoggedChoice,
    LoggedRequest,
    answer_text,
    asked,
    first_of,
    mapping,
)
from lengthwise.history.files.message_text import MessageText, merged
from lengthwise.history.files.values import Row, is_absent, lookup

USAGE_KEYS = ("completion_tokens", "output_tokens")
"""Length of the answers in `usage`: OpenAI's chat API, and its Responses and Anthropic's."""


def opened(value: object) -> Any:
    """Read JSON that stands in a text, as columns of tables hold it; all else stays as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def object_in(row: Row, *columns: str) -> Row:
    """Give the first of some columns that holds an object, or its JSON; {} if none does."""
    for column in columns:
        value = opened(lookup(row, column))
        if isinstance(value, list) and len(cast("list[Any]", value)) == 1:
            value = cast("list[Any]", value)[0]
        if isinstance(value, Mapping) and value:
            return cast("Row", value)
    return {}


def is_completion(response: Row) -> bool:
    """Tell if an object is a response of OpenAI's chat or text completion API."""
    choices = response.get("choices")
    return isinstance(choices, list) and (
        not choices or isinstance(cast("list[Any]", choices)[0], Mapping)
    )


def is_anthropic_message(response: Row) -> bool:
    """Tell if an object is a response of Anthropic's Messages API."""
    return "stop_reason" in response and isinstance(response.get("content"), list)


def is_responses_object(response: Row) -> bool:
    """Tell if an object is a response of OpenAI's Responses API."""
    return response.get("object") == "response" and "output" in response


def is_response(response: Row) -> bool:
    """Tell if an object is a response of any of these."""
    return (
        is_completion(response) or is_anthropic_message(response) or is_responses_object(response)
    )


def usage_tokens(response: Row) -> Any:
    """Give the stated length of all answers of a response."""
    return first_of(mapping(opened(response.get("usage"))), *USAGE_KEYS)


def choices_of(response: Row) -> list[LoggedChoice]:
    """Give the answers of a response of any API.

    Raises:
        LeftOut: If the response says that it failed or was cancelled.
        RowError: If an answer has an unknown shape.
    """
    if is_error(response.get("error")):
        raise LeftOut(FAILED)
    if is_responses_object(response):
        return [_responses_choice(response)]
    if is_anthropic_message(response):
        return [LoggedChoice(answer_text(response["content"], "content"), response["stop_reason"])]
    choices = cast("list[Any]", response.get("choices") or [])
    return [_choice(mapping(choice), place) for place, choice in enumerate(choices)]


def _choice(choice: Row, place: int) -> LoggedChoice:
    message = choice.get("message")
    if message is None:
        message = choice.get("text")
    text = answer_text(message, f"choices[{place}].message")
    # LiteLLM writes "stop" for a reason that it does not know, and the engine's own beside it
    own = mapping(choice.get("provider_specific_fields")).get("native_finish_reason")
    return LoggedChoice(text, own or choice.get("finish_reason"))


def _responses_choice(response: Row) -> LoggedChoice:
    status = response.get("status")
    if status == "failed":
        raise LeftOut(FAILED)
    if status in ("cancelled", "canceled"):
        raise LeftOut(CANCELLED)
    if status in ("in_progress", "queued"):
        raise LeftOut("still running")
    reason = mapping(response.get("incomplete_details")).get("reason") or status
    return LoggedChoice(_responses_text(response), reason)


def _responses_text(response: Row) -> MessageText | None:
    output = opened(response.get("output"))
    if not isinstance(output, list):
        return None
    texts = [
        # a message holds parts; every other item is a part itself
        answer_text(item if mapping(item).get("type") == "message" else [item], "output")
        for item in cast("list[Any]", output)
    ]
    return merged(text for text in texts if text)


def limit_of(body: Row) -> Any:
    """Give a request's limit on the tokens of an answer."""
    return first_of(body, *LIMIT_KEYS)


def exchange(
    request: Row,
    response: Row,
    place: str,
    *,
    request_id: object = None,
    group: object = None,
) -> LoggedRequest:
    """Put a request's body and its response together.

    Args:
        request: The body that was sent.
        response: The object that came back.
        place: Where the request stands in the row, for errors: "body.".
        request_id: What the log calls it; the response's own id if None.
        group: Name that requests of one conversation share, if the log has one.

    Raises:
        LeftOut: If the response says that it failed or was cancelled.
        RowError: If prompt or answer have unknown shapes.
    """
    choices = choices_of(response)
    model = first_of(request, "model")
    return LoggedRequest(
        **asked(request, place),
        choices=choices or [LoggedChoice()],
        output_tokens=usage_tokens(response),
        id=response.get("id") if is_absent(request_id) else request_id,
        model=response.get("model") if is_absent(model) else model,
        max_tokens=limit_of(request),
        temperature=request.get("temperature"),
        group=group,
    )

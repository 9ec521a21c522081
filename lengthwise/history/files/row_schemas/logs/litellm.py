"""LiteLLM: the standard logging payload of its callbacks, and the rows of its spend table."""

from collections.abc import Mapping
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import (
    CACHED,
    CANCELLED,
    NO_ANSWER,
    OTHER_CALL,
    LeftOut,
    is_true,
    leave_out_call,
    leave_out_status,
    leave_out_status_code,
)
from lengthwise.history.files.logged.api_objects import choices_of, limit_of, object_in, opened
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    asked,
    first_of,
)
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, is_absent, lookup

_GENERATIONS = (
    "completion",
    "responses",
    "anthropic_messages",
    "generate_content",
    "pass_through_endpoint",
)
"""Parts of the call types that generate text; all others are left out."""

_REDACTED = "redacted-by-litellm"
"""What stands in place of every prompt where message logging is off."""

_ERROR_CODES = ("error_information.error_code", "metadata.error_information.error_code")
"""Where the HTTP status of a failure stands, in the payload and in the spend table."""


class LitellmSchema(LogSchema):
    """`call_type` with `model_parameters` (payload) or with `request_id` and `spend` (table).

    Its `status` alone does not tell if an answer is whole: a client that leaves in the middle of
    a stream is logged as success with finish reason "stop", and only the error code is 499.
    """

    name = "litellm"
    title = "LiteLLM spend rows"
    columns = (
        *("id", "request_id", "call_type", "status", "cache_hit", "model", "messages", "response"),
        *("model_parameters", "completion_tokens", "metadata", "error_information"),
        *("proxy_server_request", "session_id", "startTime", "spend"),
    )

    def recognises(self, row: Row) -> bool:
        return "call_type" in row and ("model_parameters" in row or "spend" in row)

    def request(self, row: Row) -> LoggedRequest:
        _leave_out(row)
        body = object_in(row, "proxy_server_request.body", "proxy_server_request")
        messages = opened(row.get("messages"))
        # the spend table's column is "{}" where the request's body holds them
        source: dict[str, Any] = dict(body) if _is_empty(messages) else {"messages": messages}
        if not source:
            raise RowError(
                "no prompt was stored with this row: LiteLLM keeps prompts in its spend table with "
                "store_prompts_in_spend_logs",
                kind="no prompt",
            )
        if isinstance(source.get("messages"), str):
            source["prompt"] = source.pop("messages")
        if _REDACTED in (_text_of(source.get("messages")), source.get("prompt")):
            raise LeftOut("with a redacted prompt")
        parameters = object_in(row, "model_parameters") or body
        response = opened(row.get("response"))
        choices = _choices(response)
        return LoggedRequest(
            **asked(source, ""),
            choices=choices,
            output_tokens=row.get("completion_tokens"),
            id=first_of(row, "id", "request_id"),
            model=row.get("model"),
            max_tokens=limit_of(parameters),
            temperature=parameters.get("temperature"),
        )


def _leave_out(row: Row) -> None:
    call = str(row.get("call_type") or "")
    leave_out_call(call)
    if call and not any(part in call for part in _GENERATIONS):
        raise LeftOut(OTHER_CALL)
    metadata = object_in(row, "metadata")
    for code in _ERROR_CODES:
        leave_out_status_code(lookup({**row, "metadata": metadata}, code))
    leave_out_status(row.get("status"))
    leave_out_status(metadata.get("status"))
    if is_true(metadata.get("client_disconnected")):
        raise LeftOut(CANCELLED)
    if is_true(row.get("cache_hit")):
        raise LeftOut(CACHED)
    if not row.get("completion_tokens") and not opened(row.get("response")):
        raise LeftOut(NO_ANSWER)


def _choices(response: object) -> list[LoggedChoice]:
    if isinstance(response, Mapping):
        return choices_of(cast("Row", response)) or [LoggedChoice()]
    return [LoggedChoice()]


def _is_empty(messages: object) -> bool:
    return is_absent(messages) or messages in ({}, [])


def _text_of(messages: object) -> object:
    if isinstance(messages, list) and messages and isinstance(messages[0], Mapping):
        return cast("Row", messages[0]).get("content")
    return messages

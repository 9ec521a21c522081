"""Langfuse: observations as its exports and its API give them."""

import math
from collections.abc import Mapping
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import (
    CACHED,
    FAILED,
    OTHER_CALL,
    LeftOut,
    is_true,
    leave_out_call,
)
from lengthwise.history.files.logged.api_objects import choices_of, is_response, limit_of, opened
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    answer_text,
    asked,
    first_of,
    mapping,
)
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, is_absent

_USAGE_COLUMNS = ("usage_details", "usageDetails", "usage")
"""Where exports and the API have token counts; the last is the older name."""

_OTHER_USAGE_KEYS = ("completionTokens", "completion_tokens", "outputTokens")
"""Where the count of an answer stands in them, if not under "output"."""


class LangfuseSchema(LogSchema):
    """`type` "GENERATION" with `input`, `output` and `usage_details` (or usageDetails)."""

    name = "langfuse"
    title = "Langfuse observations"
    columns = (
        *("id", "type", "level", "input", "output", *_USAGE_COLUMNS, "metadata"),
        *("model", "provided_model_name", "providedModelName"),
        *("model_parameters", "modelParameters", "session_id", "sessionId", "status_message"),
        *("trace_id", "traceId", "tool_calls", "toolCalls", "statusMessage"),
    )

    def recognises(self, row: Row) -> bool:
        traced = "trace_id" in row or "traceId" in row
        return traced and "type" in row and "input" in row and "output" in row

    def request(self, row: Row) -> LoggedRequest:
        kind = str(row.get("type") or "").upper()
        leave_out_call(kind)
        if kind != "GENERATION":
            raise LeftOut(OTHER_CALL)
        if str(row.get("level") or "").upper() == "ERROR":
            raise LeftOut(FAILED)
        if is_true(mapping(opened(row.get("metadata"))).get("cache_hit")):
            raise LeftOut(CACHED)
        parameters = mapping(opened(first_of(row, "model_parameters", "modelParameters")))
        return LoggedRequest(
            **_asked(opened(row.get("input"))),
            choices=_choices(opened(row.get("output")), row),
            output_tokens=_output_tokens(row),
            id=row.get("id"),
            model=first_of(row, "provided_model_name", "providedModelName", "model"),
            max_tokens=_number(limit_of(parameters)),
            temperature=_number(parameters.get("temperature")),
            group=first_of(row, "session_id", "sessionId"),
        )


def _asked(value: Any) -> dict[str, Any]:
    if is_absent(value):
        raise RowError("the observation has no input", kind="no prompt")
    if isinstance(value, Mapping):
        body = cast("Row", value)
        if "role" in body:
            return {"messages": [body]}
        return asked(body, "input.")
    if isinstance(value, list):
        return asked({"messages": value}, "input.")
    return {"prompt": value}


def _output_tokens(row: Row) -> Any:
    """Add up what was generated: thoughts have a key of their own beside "output".

    Older exports have "outputCost" there too, in dollars.
    """
    usage = opened(first_of(row, *_USAGE_COLUMNS))
    if isinstance(usage, list):  # Parquet gives a map as pairs
        usage = dict(cast("list[Any]", usage))
    details = mapping(usage)
    parts = [
        value
        for key, value in details.items()
        if (key == "output" or key.startswith("output_")) and isinstance(value, int | float)
    ]
    return sum(parts) if parts else first_of(details, *_OTHER_USAGE_KEYS)


def _choices(output: Any, row: Row) -> list[LoggedChoice]:
    if isinstance(output, Mapping):
        response = cast("Row", output)
        if is_response(response):
            return choices_of(response)
        reason = first_of(response, "finish_reason", "stop_reason", "finishReason")
        return [LoggedChoice(answer_text(response, "output"), reason)]
    if is_absent(output) and not first_of(row, "tool_calls", "toolCalls"):
        return [LoggedChoice()]
    return [LoggedChoice(answer_text(output, "output"))]


def _number(value: Any) -> Any:
    """Parameters are texts in some exports; words such as "inf" stand for no limit."""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        if not math.isfinite(number):
            return None
        return int(number) if number.is_integer() else number
    return value

"""Arize Phoenix: its data frame of spans, and OpenInference's attributes in any span."""

from collections.abc import Mapping
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import OTHER_CALL, LeftOut, leave_out_call
from lengthwise.history.files.logged.api_objects import choices_of, is_response, limit_of, opened
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    answer_text,
    asked,
    first_of,
    mapping,
)
from lengthwise.history.files.logged.span import indexed, leave_out_failed
from lengthwise.history.files.message_text import unwrapped
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, is_absent, lookup

_PREFIX = "attributes."
"""Of the data frame's columns that hold attributes."""

_ATTRIBUTES = (
    "openinference.span.kind",
    "llm.input_messages",
    "llm.output_messages",
    "llm.token_count.completion",
    "llm.invocation_parameters",
    "llm.model_name",
    "llm.finish_reason",
    "llm.prompts",
    "input.value",
    "output.value",
    "session.id",
)
"""Of OpenInference's attributes those that are read."""


class PhoenixSchema(LogSchema):
    """Columns `attributes.llm.input_messages` and others, `span_kind` and `status_code`."""

    name = "phoenix"
    title = "Phoenix spans"
    columns = (
        *(_PREFIX + name for name in _ATTRIBUTES),
        *("attributes", "attributes.llm", "attributes.input", "attributes.output"),
        *("span_kind", "status_code", "context.span_id", "context", "id", "name"),
    )

    def recognises(self, row: Row) -> bool:
        kind = "span_kind" in row and ("status_code" in row or "context.span_id" in row)
        names = _attributes(row)
        return kind or any(name in names for name in ("llm.input_messages", "llm.model_name"))

    def request(self, row: Row) -> LoggedRequest:
        leave_out_failed(row)
        return openinference_request(_attributes(row), row)


def openinference_request(attributes: Mapping[str, Any], row: Row) -> LoggedRequest:
    """Read a span with OpenInference's attributes, nested or flat.

    Raises:
        LeftOut: If it is no call of an LLM.
        RowError: If it cannot be used.
    """
    kind = first_of(row, "span_kind") or first_of(attributes, "openinference.span.kind")
    leave_out_call(kind)
    if kind is not None and str(kind).upper() != "LLM":
        raise LeftOut(OTHER_CALL)
    parameters = mapping(opened(attributes.get("llm.invocation_parameters")))
    return LoggedRequest(
        **_asked(attributes),
        choices=_choices(attributes, parameters),
        output_tokens=attributes.get("llm.token_count.completion"),
        id=first_of(row, "context.span_id", "spanId", "span_id", "id"),
        model=attributes.get("llm.model_name"),
        max_tokens=limit_of(parameters),
        temperature=parameters.get("temperature"),
        group=attributes.get("session.id"),
    )


def _attributes(row: Row) -> dict[str, Any]:
    """Give attributes under OpenInference's dotted names: columns of the frame, or nested."""
    flat = {
        name.removeprefix(_PREFIX): value
        for name, value in row.items()
        if name.startswith(_PREFIX) and not is_absent(value)
    }
    nested = mapping(opened(row.get("attributes")))
    flat |= nested
    for name in _ATTRIBUTES:
        value = first_of(flat, name)
        value = lookup(flat, name) if value is None else value
        if not is_absent(value):
            flat[name] = value
    return flat


def _asked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    messages = _messages(attributes, "llm.input_messages")
    if messages:
        return {"messages": messages}
    prompts = opened(attributes.get("llm.prompts"))
    if isinstance(prompts, list) and prompts:
        return asked({"prompt": prompts}, "llm.prompts.")
    value = opened(attributes.get("input.value"))
    if isinstance(value, Mapping):
        return asked(cast("Row", value), "input.value.")
    if not is_absent(value):
        return {"prompt": value}
    raise RowError("the span has no llm.input_messages and no input.value", kind="no prompt")


def _messages(attributes: Mapping[str, Any], name: str) -> list[Any]:
    value = opened(attributes.get(name))
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    items = items or indexed(attributes, name)
    return [_message(mapping(item)) for item in items]


def _message(item: Row) -> Row:
    """Take the wrapper away, and gather contents that are written flat."""
    message = unwrapped(item, "message")
    for key, wrapper in (("contents", "message_content"), ("tool_calls", "tool_call")):
        flat = indexed(message, key)
        if flat:
            message = {**message, key: [unwrapped(part, wrapper) for part in flat]}
    if message.get("content") is None and message.get("contents") is not None:
        message = {**message, "content": message["contents"]}
    return message


def _choices(attributes: Mapping[str, Any], parameters: Row) -> list[LoggedChoice]:
    """Give the answers; the response itself tells more of them than the attributes do."""
    response = opened(attributes.get("output.value"))
    if isinstance(response, Mapping) and is_response(cast("Row", response)):
        return choices_of(cast("Row", response))
    reason = attributes.get("llm.finish_reason")
    messages = _messages(attributes, "llm.output_messages")
    count = parameters.get("n")
    answers = [
        LoggedChoice(answer_text(message, "llm.output_messages"), reason) for message in messages
    ]
    missing = (count if isinstance(count, int) else 1) - len(answers)
    return [*answers, *[LoggedChoice(finish_reason=reason)] * missing]

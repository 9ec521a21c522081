"""OpenTelemetry spans with the semantic conventions for generative AI."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.finish_reasons import reasons_in
from lengthwise.history.files.left_out import OTHER_CALL, PROMPT_CUT, LeftOut, leave_out_call
from lengthwise.history.files.logged.api_objects import opened
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    answer_text,
    first_of,
)
from lengthwise.history.files.logged.span import attributes_of, indexed, leave_out_failed, spans_of
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.phoenix import openinference_request
from lengthwise.history.files.values import Row, is_absent

_GENERATIONS = frozenset({"chat", "text_completion", "generate_content", "completion", "unknown"})
"""Values of gen_ai.operation.name that generate text, and of OpenLLMetry's llm.request.type, which
is "unknown" where its instrumentation does not tell them apart."""

_OPENINFERENCE = (
    "openinference.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.model_name",
    "llm.token_count.",
    "llm.invocation_parameters",
    "llm.prompts",
)
"""How attributes of OpenInference's begin. Not "llm." alone: OpenLLMetry, which follows the
conventions read here, has llm.request.type, llm.is_streaming and llm.usage.total_tokens."""

_PREFIX = "gen_ai."
"""Of every attribute of these conventions."""


class OtelSchema(LogSchema):
    """`resourceSpans` (OTLP JSON), or one span with `attributes` that begin with gen_ai."""

    name = "otel"
    title = "OpenTelemetry spans"
    columns = ("resourceSpans", "resource_spans", "attributes", "events", "status", "name")

    def recognises(self, row: Row) -> bool:
        if "resourceSpans" in row or "resource_spans" in row:
            return True
        return any(name.startswith(_PREFIX) for name in attributes_of(row))

    def unpack(self, row: Row) -> Iterable[Row]:
        """Give the spans of an OTLP document."""
        return spans_of(row) if "resourceSpans" in row or "resource_spans" in row else (row,)

    def request(self, row: Row) -> LoggedRequest:
        attributes = attributes_of(row)
        if any(name.startswith(_OPENINFERENCE) for name in attributes):
            leave_out_failed(row)
            return openinference_request(attributes, row)
        operation = first_of(attributes, "gen_ai.operation.name", "llm.request.type")
        if not any(name.startswith(_PREFIX) for name in attributes):
            raise LeftOut(OTHER_CALL)
        leave_out_call(operation)
        if operation is not None and operation not in _GENERATIONS:
            raise LeftOut(OTHER_CALL)
        leave_out_failed(row)
        return LoggedRequest(
            messages=_messages(attributes),
            choices=_choices(attributes),
            output_tokens=first_of(
                attributes, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"
            ),
            id=first_of(row, "spanId", "span_id"),
            model=first_of(attributes, "gen_ai.response.model", "gen_ai.request.model"),
            max_tokens=attributes.get("gen_ai.request.max_tokens"),
            temperature=attributes.get("gen_ai.request.temperature"),
            group=attributes.get("gen_ai.conversation.id"),
        )


def _messages(attributes: Mapping[str, Any]) -> list[Any]:
    for name in ("gen_ai.input.messages", "gen_ai.prompt"):
        if is_absent(attributes.get(name)):
            continue
        value = opened(attributes[name])
        if isinstance(value, list):
            return [*_instructions(attributes), *cast("list[Any]", value)]
        if name == "gen_ai.input.messages" or str(value).lstrip().startswith("[{"):
            raise LeftOut(PROMPT_CUT)  # an attribute limit leaves the start of a JSON text
        return [*_instructions(attributes), {"role": "user", "content": value}]
    flat = indexed(attributes, "gen_ai.prompt")
    if flat:
        return [{"role": "user", **message} for message in flat]
    raise RowError(
        "no gen_ai.input.messages on the span: capturing message content is switched off where "
        "the spans are made",
        kind="no prompt",
    )


def _instructions(attributes: Mapping[str, Any]) -> list[Any]:
    value = opened(attributes.get("gen_ai.system_instructions"))
    return [] if is_absent(value) else [{"role": "system", "content": value}]


def _choices(attributes: Mapping[str, Any]) -> list[LoggedChoice]:
    """Give as many answers as were asked for, with texts where the span has them."""
    reasons = reasons_in(
        opened(attributes.get("gen_ai.response.finish_reasons")), "gen_ai.response.finish_reasons"
    )
    value = opened(attributes.get("gen_ai.output.messages"))
    messages: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    messages = messages or indexed(attributes, "gen_ai.completion")
    asked = attributes.get("gen_ai.request.choice.count") or 1
    count = max(len(messages), len(reasons), int(asked) if str(asked).isdecimal() else 1)
    return [
        _choice(messages[place : place + 1], reasons[place : place + 1]) for place in range(count)
    ]


def _choice(message: list[Any], reason: list[str]) -> LoggedChoice:
    if not message:
        return LoggedChoice(finish_reason=reason)
    own = cast("Row", message[0]).get("finish_reason") if isinstance(message[0], Mapping) else None
    return LoggedChoice(
        answer_text(message[0], "gen_ai.output.messages"), reason if is_absent(own) else own
    )

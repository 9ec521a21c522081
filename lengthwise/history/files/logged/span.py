"""Spans of OpenTelemetry, as OTLP writes them and as SDKs print them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from lengthwise.history.files.left_out import FAILED, LeftOut
from lengthwise.history.files.logged.logged_request import first_of, mapping
from lengthwise.history.files.values import Row

_VALUE_KEYS = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")
"""Under which of these OTLP's JSON holds an attribute's value says its type."""

_ERROR_CODES = (2, "2", "ERROR", "STATUS_CODE_ERROR", "StatusCode.ERROR")
"""One status in the spellings of OTLP's JSON and of the SDKs."""


def spans_of(document: Row) -> Iterator[Row]:
    """Give the spans of an OTLP document (`resourceSpans`), their attributes as one object.

    Args:
        document: An export request as a collector or an SDK writes it in JSON.
    """
    for resource in _list(document, "resourceSpans", "resource_spans"):
        for scope in _list(resource, "scopeSpans", "scope_spans"):
            for span in _list(scope, "spans"):
                yield {**span, "attributes": attributes_of(span)}


def attributes_of(span: Row) -> dict[str, Any]:
    """Give a span's attributes, with those of its events: some tools put messages there."""
    found: dict[str, Any] = {}
    for event in _list(span, "events"):
        found |= _attributes(event.get("attributes"))
    return found | _attributes(span.get("attributes"))


def leave_out_failed(span: Row) -> None:
    """Raise if a span's status is an error.

    Raises:
        LeftOut: "failed".
    """
    status = span.get("status")
    fields = mapping(status)
    code = first_of(fields, "code", "status_code") if fields else status
    if code in _ERROR_CODES or span.get("status_code") in _ERROR_CODES:
        raise LeftOut(FAILED)


def indexed(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Gather flat attributes: "llm.input_messages.0.message.role" is the role of the first.

    Args:
        attributes: Values under dotted names, as `attributes_of` gives them.
        prefix: What they begin with, without the number: "llm.input_messages".

    Returns:
        One object for each number, in order, its keys without prefix and number.
    """
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if not name.startswith(f"{prefix}."):
            continue
        number, _, rest = name[len(prefix) + 1 :].partition(".")
        if number.isdecimal() and rest:
            found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def _attributes(value: object) -> dict[str, Any]:
    """Read attributes: an object, or OTLP's list of keys and typed values."""
    if isinstance(value, Mapping):
        return dict(cast("Row", value))
    if not isinstance(value, list):
        return {}
    pairs = [mapping(pair) for pair in cast("list[Any]", value)]
    return {str(pair["key"]): _value(pair.get("value")) for pair in pairs if "key" in pair}


def _value(typed: object) -> Any:
    fields = mapping(typed)
    if "arrayValue" in fields:
        values = cast("list[Any]", mapping(fields["arrayValue"]).get("values") or [])
        return [_value(one) for one in values]
    if "kvlistValue" in fields:
        return _attributes(mapping(fields["kvlistValue"]).get("values"))
    return next((fields[key] for key in _VALUE_KEYS if key in fields), None)


def _list(fields: Row, *keys: str) -> list[Row]:
    value = first_of(fields, *keys)
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Row", item) for item in items if isinstance(item, Mapping)]

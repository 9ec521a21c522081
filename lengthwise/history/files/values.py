"""One value of a row: checked, converted, and described without giving away any text."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.request import MAX_OUTPUT_TOKENS, MAX_TEMPERATURE

Row = Mapping[str, Any]
"""One row as a format gives it: column -> value."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
"""A number in a text; longer ones would be beyond every limit anyway."""

_NO_NUMBERS = frozenset({"nan", "inf", "-inf"})
"""What stands for a number where there is none, and gives no text away either."""

_NAME = re.compile(r"[\w.:/-]{1,40}")
"""What looks like the name of a column, and not like a prompt."""


def lookup(row: Row, name: str) -> Any:
    """Find a column, or the value at a path such as "usage.completion_tokens"; None if absent."""
    value = row.get(name)
    if value is not None or "." not in name or name in row:
        return value
    node: Any = row
    for step in name.split("."):
        if isinstance(node, Mapping):
            node = cast("Row", node).get(step)
        elif isinstance(node, list) and step.isdigit():
            items = cast("list[Any]", node)
            node = items[int(step)] if int(step) < len(items) else None
        else:
            return None
    return node


def has_column(row: Row, name: str) -> bool:
    """Tell if the row has the column, even with nothing in it."""
    return name in row or lookup(row, name) is not None


def describe(value: object) -> str:
    """Describe a refused value. Text is only measured: it may be a prompt in the wrong column."""
    match value:
        case None | bool():
            words = json.dumps(value)
        case int():
            # A JSON number may have thousands of digits.
            words = str(value) if abs(value) < 10**18 else "beyond 10^18"
        case float() | Decimal():
            words = str(value)
        case str():
            number = _NUMBER.fullmatch(value.strip()) or value.strip().lower() in _NO_NUMBERS
            words = f"'{value}'" if number else f"a text of {len(value):,} characters"
        case bytes():
            words = f"{len(value):,} bytes"
        case list():
            words = "a list"
        case Mapping():
            words = "an object"
        case _:
            words = f"a {type(value).__name__}"
    return words


def describe_names(names: list[str], *, most: int = 20) -> str:
    """List column names; what does not look like a name may be a prompt, and is only measured."""
    shown = [
        f"'{n}'" if _NAME.fullmatch(n) else f"(a name of {len(n):,} characters)"
        for n in names[:most]
    ]
    if len(names) > most:
        shown.append(f"and {len(names) - most} more")
    return ", ".join(shown) or "none"


def is_absent(value: object) -> bool:
    """Tell if an optional value is not given: null, an empty cell, or pandas' NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def token_count(value: object, name: str, *, kind: str, least: int = 0) -> int:
    """Convert a number of tokens; 12, 12.0 and "12" are fine.

    Raises:
        RowError: On anything but a whole number from `least` to MAX_OUTPUT_TOKENS.
    """
    number = value if type(value) is int else _whole(value)
    if number is None:
        raise RowError(
            f"{name} is {describe(value)}: "
            f"expected a whole number, {least} to {MAX_OUTPUT_TOKENS:,}",
            kind=kind,
        )
    if not least <= number <= MAX_OUTPUT_TOKENS:
        raise RowError(
            f"{name} is {describe(number)}: expected {least} to {MAX_OUTPUT_TOKENS:,}", kind=kind
        )
    return number


def _whole(value: object) -> int | None:
    """Convert a float, decimal or numeric text without a fraction; None for all else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return int(value)
    return None


def temperature(value: object, name: str) -> float | None:
    """Convert a temperature; 1, 0.7 and "0.7" are fine, and None stands for one that is not given.

    Raises:
        RowError: On anything but a number from 0 to MAX_TEMPERATURE.
    """
    if is_absent(value):
        return None
    number = _number(value)
    if number is None or not 0 <= number <= MAX_TEMPERATURE:
        raise RowError(
            f"{name} is {describe(value)}: expected a number, 0 to {MAX_TEMPERATURE:g}",
            kind="bad temperature",
        )
    return float(number)


def _number(value: object) -> float | None:
    """Convert a number or a numeric text; None for all else, true and false among it."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(value: object, name: str, *, kind: str) -> str:
    """Convert a text and make sure that it can be written as UTF-8; nothing is stripped.

    Raises:
        RowError: If it is no text, or holds invalid UTF-8 or half of a surrogate pair.
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RowError(
                f"{name} is invalid UTF-8 at byte {error.start + 1}", kind="bad UTF-8"
            ) from None  # the cause would carry the text
    if not isinstance(value, str):
        raise RowError(f"{name} is {describe(value)}: expected text", kind=kind)
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise RowError(
                f"{name} is invalid Unicode at character {error.start + 1}: "
                "half of a surrogate pair",
                kind="bad UTF-8",
            ) from None  # the cause would carry the text
    return value


def label(value: object, name: str, *, kind: str) -> str:
    """Convert an id, an LLM's name or a group: text or a whole number; "" where absent.

    Raises:
        RowError: If it is anything else.
    """
    if is_absent(value):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(value, name, kind=kind)

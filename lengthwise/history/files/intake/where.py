"""--where: which rows of a log are read."""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lengthwise.history.files.values import Row, is_absent, lookup
from lengthwise.index.errors import InvalidInputError

_CONDITION = re.compile(r"\s*(?P<column>[^\s=!<>~]+)\s*(?P<sign>!=|<=|>=|=|<|>|~)\s*(?P<value>.*)")
"""One condition; of the signs the longer ones come first, or "<=" would be read as "<"."""

_CONDITIONS = re.compile(
    r"""(?:\A|\s+and\s+)((?:(?<=[=<>~])\s*(?:'[^']*'|"[^"]*")|.)+?)(?=\s+and\s+|\Z)""", re.DOTALL
)
"""Conditions with "and" between them; in a value that begins with a quote it parts none."""

_NUMBER_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""Signs that compare numbers; all others compare text."""

_EXPECTED = "expected conditions such as \"status = success and model != 'probe'\""
"""The end of an error: an example says more than a grammar."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What one column must be.

    Args:
        column: Its name, or a path into nested values.
        sign: = and != compare text, <, <=, > and >= numbers; ~ searches a regular expression.
        value: What to compare with; nothing after = or != stands for an absent value.
    """

    column: str
    sign: str
    value: str

    def holds(self, row: Row) -> bool:
        """Tell if a row is as wanted; where numbers are compared and it holds none, it is not."""
        found = lookup(row, self.column)
        written = "" if is_absent(found) else _written(found)
        if self.sign in ("=", "!="):
            return (written == self.value) == (self.sign == "=")
        if self.sign == "~":
            return re.search(self.value, written) is not None
        try:
            return _NUMBER_SIGNS[self.sign](float(written), float(self.value))
        except ValueError:
            return False


class Where:
    """Conditions that a row must fulfil, all of them.

    Args:
        conditions: Without any, every row is taken.
    """

    def __init__(self, conditions: Sequence[Condition] = ()) -> None:
        self._conditions = tuple(conditions)

    @classmethod
    def from_text(cls, text: str) -> "Where":
        """Read conditions with "and" between them; "" takes every row.

        Raises:
            InvalidInputError: If one of them is none.
        """
        return cls([_condition(part) for part in _CONDITIONS.findall(text.strip())])

    @property
    def columns(self) -> frozenset[str]:
        """Names that it looks at."""
        return frozenset(condition.column for condition in self._conditions)

    def takes(self, row: Row) -> bool:
        """Tell if a row fulfils them all."""
        return all(condition.holds(row) for condition in self._conditions)


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"where has {text!r}: {_EXPECTED}")
    column, sign, value = match["column"], match["sign"], match["value"].strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    if sign == "~":
        try:
            re.compile(value)
        except re.error as error:
            raise InvalidInputError(
                f"where has {value!r} after ~: expected a regular expression ({error})"
            ) from error
    if sign in _NUMBER_SIGNS and not _is_number(value):
        raise InvalidInputError(f"where has {value!r} after {sign}: expected a number")
    return Condition(column, sign, value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""One setting out of the text of its environment variable."""

from typing import TypeVar

_Number = TypeVar("_Number", int, float)

_TRUE = ("true", "1", "yes", "on")
"""Spellings of a switch that is on, in any case."""

_FALSE = ("false", "0", "no", "off")
"""Of one that is off; any other word is more likely a slip than either."""


def parse_text(text: str, variable: str) -> str:  # noqa: ARG001  one signature for all
    """Take the text as it is."""
    return text


def parse_bool(text: str, variable: str) -> bool:
    """Read a switch.

    Raises:
        ValueError: If it is none.
    """
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"{variable} is {text!r}: expected true or false")


def parse_number(text: str, variable: str, kind: type[_Number]) -> _Number:
    """Read a number, whole or not.

    Raises:
        ValueError: If it is none.
    """
    try:
        return kind(text)
    except ValueError:
        whole = "a whole number" if kind is int else "a number"
        raise ValueError(f"{variable} is {text!r}: expected {whole}") from None


def parse_options(text: str, variable: str) -> dict[str, float]:
    """Read "name=number,name=number".

    Raises:
        ValueError: If it is not that.
    """
    options: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if not (name.strip() and equals):
            raise ValueError(
                f"{variable} is {text!r}: expected name=number, several separated by commas"
            )
        options[name.strip()] = parse_number(number.strip(), f"{name.strip()} in {variable}", float)
    return options

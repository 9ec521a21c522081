"""One setting out of the text of its environment variable."""

from typing import TypeVar

_Number = TypeVar("_Number", int, float)

_SWITCHES = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
"""Spellings of a switch, in any case; any other word is more likely a slip than either."""


def parse_bool(text: str, variable: str) -> bool:
    """Read a switch.

    Raises:
        ValueError: If it is none.
    """
    if text.lower() not in _SWITCHES:
        raise ValueError(f"{variable} is {text!r}: expected true or false")
    return _SWITCHES[text.lower()]


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


def parse_options(text: str) -> dict[str, float]:
    """Read "name=number,name=number"; whole numbers are int, as counts have to be.

    Raises:
        ValueError: If it is not that.
    """
    options: dict[str, float] = {}
    for part in text.split(",") if text else ():
        name, equals, said = part.partition("=")
        if not (name.strip() and equals):
            raise ValueError("expected name=number, several separated by commas")
        number = parse_number(said.strip(), name.strip(), float)
        options[name.strip()] = int(number) if number.is_integer() else number
    return options

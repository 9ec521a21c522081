"""One setting out of the text of its environment variable."""

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


def parse_int(text: str, variable: str) -> int:
    """Read a whole number.

    Raises:
        ValueError: If it is none.
    """
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{variable} is {text!r}: expected a whole number") from None


def parse_float(text: str, variable: str) -> float:
    """Read a number.

    Raises:
        ValueError: If it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{variable} is {text!r}: expected a number") from None


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
        options[name.strip()] = parse_float(number.strip(), f"{name.strip()} in {variable}")
    return options

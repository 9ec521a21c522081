"""How options are named, and what they take, for people."""

from typing import Any, get_args

from pydantic.fields import FieldInfo

ENV_PREFIX = "LENGTHWISE_"


def flag(name: str) -> str:
    """A field's flag."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """A field's environment variable."""
    return ENV_PREFIX + name.upper()


def accepted(field: FieldInfo) -> str:
    """The values a field takes, for people."""
    choices = get_args(field.annotation)
    bounds: dict[str, Any] = {}
    for item in field.metadata:
        bounds |= {key: getattr(item, key) for key in ("ge", "le") if hasattr(item, key)}
    if bounds:
        kind = "a number" if float in (field.annotation, *choices) else "a whole number"
        return f"{kind} from {bounds['ge']:,} to {bounds['le']:,}"
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(repr(choice) for choice in choices)
    return field.description or "another value"

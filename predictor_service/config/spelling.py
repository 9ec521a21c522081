"""Options as people meet them: how they are named, what they take, and what of them is shown."""

import re
from typing import Any, get_args

from pydantic.fields import FieldInfo

ENV_PREFIX = "LENGTHWISE_"
"""Of all environment variables, the client's too."""

_USER_INFO = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
"""Where a URL carries a password before its host."""

_PARAMETER = re.compile(r"(?i)\b(\w*(?:password|passwd|secret|token|key)\w*=)[^&\s]+")
"""Where it carries one, or another secret, in its parameters."""


def flag(name: str) -> str:
    """A field's flag on the command line: --max-batch-size."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """A field's environment variable: LENGTHWISE_MAX_BATCH_SIZE."""
    return ENV_PREFIX + name.upper()


def both_names(name: str) -> str:
    """Variable and flag of a field, for errors about values that may have come by either."""
    return f"{variable(name)} / {flag(name)}"


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


def without_secrets(text: str) -> str:
    """A text, with stars for the passwords of URLs in it."""
    return _PARAMETER.sub(r"\1***", _USER_INFO.sub(r"\1:***@", text))

"""JSON of others', of which nothing is certain."""

from collections.abc import Mapping
from typing import Any, cast


def as_object(value: Any) -> Mapping[str, Any]:
    """A value as an object; an empty one if it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}

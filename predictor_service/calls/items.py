"""How much is in a message."""

from typing import Any


def items_of(message: Any) -> int:
    """Prompts or completions in a message of any kind; 1 for one that has no list of them."""
    for name in ("requests", "completions"):
        items = getattr(message, name, None)
        if items is not None:
            return max(1, len(items))
    return 1

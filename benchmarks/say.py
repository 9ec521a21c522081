"""What a benchmark says of its progress, apart from what it prints as its result."""

import sys


def say(what: str) -> None:
    """Say it on the error stream."""
    print(f"… {what}", file=sys.stderr, flush=True)

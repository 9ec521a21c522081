"""Requests that have not ended, within a bound.

`KnownRequests[Id, Known]()` keeps what is known of each: `add(request_id, known, prompt_chars)`,
`request_id in requests`, `pop(request_id)`.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

MAX_CHARS = 64 * 2**20
"""Of all requests together, by what `REQUEST_CHARS` and their prompts amount to."""

REQUEST_CHARS = 1_024
"""What a request counts as beside its prompt: so 65,536 without text are remembered."""

Id = TypeVar("Id", bound=Hashable)
Known = TypeVar("Known")


class KnownRequests(Generic[Id, Known]):
    """By id; where they and their prompts are too much, the oldest are forgotten.

    Args:
        max_chars: What they may amount to, in characters.
    """

    def __init__(self, max_chars: int = MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._known: dict[Id, tuple[Known, int]] = {}
        self._chars = 0

    def __contains__(self, request_id: Id) -> bool:
        return request_id in self._known

    def add(self, request_id: Id, known: Known, prompt_chars: int) -> None:
        """Remember a request that is not known yet.

        Args:
            request_id: By which it is asked for again.
            known: What is remembered of it.
            prompt_chars: Characters of the prompt that `known` holds; 0 if it holds none.
        """
        chars = REQUEST_CHARS + prompt_chars
        self._known[request_id] = known, chars
        self._chars += chars
        while self._chars > self._max_chars:
            self.pop(next(iter(self._known)))

    def pop(self, request_id: Id) -> Known | None:
        """Forget a request; None if it is not known."""
        if request_id not in self._known:
            return None
        known, chars = self._known.pop(request_id)
        self._chars -= chars
        return known

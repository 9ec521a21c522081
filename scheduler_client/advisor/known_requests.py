"""Requests that have not ended, within bounds."""

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class HasPrompt(Protocol):
    """A request as whoever remembers it needs it."""

    @property
    def prompt(self) -> str:
        """Its text; empty if it has none."""
        ...


Id = TypeVar("Id", bound=Hashable)
Known = TypeVar("Known", bound=HasPrompt)


class KnownRequests(Generic[Id, Known]):
    """By id; where they are too many, or their prompts too long, the oldest is forgotten.

    Args:
        max_requests: How many are remembered at a time.
        max_chars: How long their prompts may be together, in characters.
    """

    def __init__(self, max_requests: int, max_chars: int) -> None:
        self._max_requests = max_requests
        self._max_chars = max_chars
        self._known: dict[Id, Known] = {}
        self.chars = 0

    def __contains__(self, request_id: Id) -> bool:
        return request_id in self._known

    def add(self, request_id: Id, known: Known) -> None:
        """Remember a request that is not known yet."""
        self._known[request_id] = known
        self.chars += len(known.prompt)
        while len(self._known) > self._max_requests or self.chars > self._max_chars:
            self.pop(next(iter(self._known)))

    def pop(self, request_id: Id) -> Known | None:
        """Forget a request; None if it is not known."""
        known = self._known.pop(request_id, None)
        if known is not None:
            self.chars -= len(known.prompt)
        return known

"""Requests that have not ended, within bounds."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scheduler_client.advisor.asker import Answer


@dataclass(slots=True)
class Known:
    """A request that has not ended.

    Args:
        prompt: Its text; empty if it has none.
        model: The LLM that answers, or the adapter.
        max_tokens: The limit on generated tokens.
        temperature: Of the sampling; None if unknown.
        answer: Of the predictor; None if nobody was asked.
        predicted_tokens: None while nothing was predicted.
    """

    prompt: str
    model: str
    max_tokens: int | None
    temperature: float | None
    answer: "asyncio.Future[Answer] | None" = None
    predicted_tokens: float | None = None


class KnownRequests:
    """By number; where they are too many, or their prompts too long, the oldest is forgotten.

    Args:
        max_requests: How many are remembered at a time.
        max_chars: How long their prompts may be together, in characters.
    """

    def __init__(self, max_requests: int, max_chars: int) -> None:
        self._max_requests = max_requests
        self._max_chars = max_chars
        self._known: dict[int, Known] = {}
        self.chars = 0

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __contains__(self, number: int) -> bool:
        return number in self._known

    def values(self) -> Iterable[Known]:
        """From the oldest to the latest."""
        return self._known.values()

    def add(self, number: int, known: Known) -> None:
        """Remember a request that is not known yet."""
        self._known[number] = known
        self.chars += len(known.prompt)
        while len(self._known) > self._max_requests or self.chars > self._max_chars:
            self.pop(next(iter(self._known)))

    def pop(self, number: int) -> Known | None:
        """Forget a request; None if it is not known."""
        known = self._known.pop(number, None)
        if known is not None:
            self.chars -= len(known.prompt)
        return known

"""The requests in flight: what is needed of each when it ends."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that got its key and has not ended.

    Args:
        prompt: Its text; None if its length is not to be reported.
        model: The LLM's name as the predictor knows it.
        max_tokens: The limit on generated tokens.
        temperature: Of the sampling; None if unknown.
        arrival_s: When it came, on the clock of the keys.
        predicted_tokens: What was predicted; None if nothing was.
        noted_at_s: When it got its key, on the monotonic clock.
    """

    prompt: str | None
    model: str
    max_tokens: int | None
    temperature: float | None
    arrival_s: float
    predicted_tokens: float | None
    noted_at_s: float

    @property
    def chars(self) -> int:
        """Characters of text that it holds."""
        return len(self.prompt or "")


class PendingRequests:
    """Remembers requests until they end; the oldest go where there are too many. Not thread-safe.

    Args:
        max_requests: At a time.
        max_chars: Of all their prompts.
        max_age_s: Past it a request is taken to have ended unseen, in seconds.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, max_requests: int, max_chars: int, max_age_s: float, clock: Callable[[], float]
    ) -> None:
        self._max_requests = max_requests
        self._max_chars = max_chars
        self._max_age_s = max_age_s
        self._clock = clock
        self._by_id: OrderedDict[str, PendingRequest] = OrderedDict()
        self._chars = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, request_id: str, request: PendingRequest) -> None:
        """Remember a request, in place of one of the same id."""
        self.pop(request_id)
        self._by_id[request_id] = request
        self._chars += request.chars
        while self._by_id and self._oldest_must_go():
            self.pop(next(iter(self._by_id)))

    def pop(self, request_id: str) -> PendingRequest | None:
        """Forget a request and return what was known of it."""
        request = self._by_id.pop(request_id, None)
        if request is not None:
            self._chars -= request.chars
        return request

    def _oldest_must_go(self) -> bool:
        oldest = next(iter(self._by_id.values()))
        return (
            len(self._by_id) > self._max_requests
            or self._chars > self._max_chars
            or self._clock() - oldest.noted_at_s > self._max_age_s
        )

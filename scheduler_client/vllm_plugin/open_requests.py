"""The requests that the engine works on, by the ids that it will use of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import fmean

from scheduler_client.advisor import Ending

MAX_OPEN = 1 << 16
"""Requests remembered at most: the oldest go first."""


@dataclass(slots=True)
class _Open:
    """A request; `unclear` if another with its id came before it ended."""

    answers_left: int
    unclear: bool = False
    internal_id: str | None = None
    endings: list[Ending] = field(default_factory=list[Ending])


class OpenRequests:
    """Makes one ending of the several that vLLM tells.

    vLLM tells the end of each of a request's `n` answers under the one id that the caller knows,
    aborts by another, internal id, and lets two requests carry the same id (a client may choose
    it). Not thread-safe.

    Args:
        limit: Requests remembered at most.
    """

    def __init__(self, limit: int = MAX_OPEN) -> None:
        self._limit = limit
        self._open: dict[str, _Open] = {}
        self._by_internal_id: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, request_id: str, answers: int) -> bool:
        """Remember a request.

        Returns:
            False if one with this id has not ended yet: the two cannot be told apart.
        """
        if (known := self._open.get(request_id)) is not None:
            known.unclear = True
            known.answers_left += answers
            return False
        self._open[request_id] = _Open(answers)
        if len(self._open) > self._limit:
            self.close(next(iter(self._open)))
        return True

    def added(self, request_id: str, internal_id: str) -> None:
        """Remember what the engine calls it inside."""
        if (known := self._open.get(request_id)) is not None and not known.unclear:
            known.internal_id = internal_id
            self._by_internal_id[internal_id] = request_id

    def close(self, request_id: str) -> None:
        """Forget a request."""
        known = self._open.pop(request_id, None)
        if known is not None and known.internal_id is not None:
            self._by_internal_id.pop(known.internal_id, None)

    def aborted(self, ids: Iterable[str], *, internal: bool) -> list[str]:
        """Forget requests that the engine gave up.

        Args:
            ids: The caller's, or the engine's own.
            internal: Whether they are the engine's own.

        Returns:
            The caller's ids of those that were known.
        """
        named = (self._by_internal_id.get(i) for i in ids) if internal else ids
        known = [request_id for request_id in named if request_id in self._open]
        for request_id in known:
            self.close(request_id)
        return known

    def ended(self, ending: Ending) -> Ending | None:
        """One answer ended.

        Returns:
            The ending of its request, once all its answers have ended: of several, their mean,
            which says more of the prompt than any of them. None before, and where the request is
            not known or cannot be told from another.
        """
        known = self._open.get(ending.request_id)
        if known is None:
            return None
        known.answers_left -= 1
        known.endings.append(ending)
        if known.answers_left > 0:
            return None
        self.close(ending.request_id)
        return None if known.unclear else _mean(known.endings)


def _mean(endings: list[Ending]) -> Ending:
    if len(endings) == 1:
        return endings[0]
    reasons = {ending.finish_reason for ending in endings}
    worst = next(reason for reason in ("error", "abort", "length", "stop") if reason in reasons)
    return replace(
        endings[0],
        output_tokens=round(fmean(ending.output_tokens for ending in endings)),
        finish_reason=worst,
        queued_s=fmean(ending.queued_s for ending in endings),
        prefill_s=fmean(ending.prefill_s for ending in endings),
        decode_s=fmean(ending.decode_s for ending in endings),
    )

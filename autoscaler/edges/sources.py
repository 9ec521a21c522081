"""Where a fleet's state comes from, the best first."""

from collections.abc import Sequence

from autoscaler.core.fleet import FleetState, PastNeed
from autoscaler.edges.controller import Observe


class FirstFresh:
    """Of several sources the first whose state is fresh, else the least old: a step down, no gap.

    Args:
        sources: The best first; all are asked at each look, so that each keeps its rates.
        stale_after_s: Age from which on a state is not fresh.
    """

    def __init__(self, sources: Sequence[Observe], stale_after_s: float) -> None:
        self._sources = sources
        self._stale_after_s = stale_after_s

    def observe(self, now_s: float, past_needs: Sequence[PastNeed] = ()) -> FleetState | None:
        """The state to go by; None if no source has any.

        Args:
            now_s: The present, in seconds since 1970.
            past_needs: Of earlier decisions, to be carried.
        """
        answers = [source(now_s, past_needs) for source in self._sources]
        known = [state for state in answers if state is not None]
        fresh = [one for one in known if now_s - one.observed_s <= self._stale_after_s]
        if fresh:
            return fresh[0]
        return max(known, key=lambda state: state.observed_s, default=None)


class OnceALook:
    """Asks a source once for each moment, however many rest on it: a rate needs time in between.

    Args:
        source: Asked again only when the present is another.
    """

    def __init__(self, source: Observe) -> None:
        self._source = source
        self._asked_s: float | None = None
        self._answer: FleetState | None = None

    def observe(self, now_s: float, past_needs: Sequence[PastNeed] = ()) -> FleetState | None:
        """What the source says of this moment.

        Args:
            now_s: The present, on the source's clock.
            past_needs: Of earlier decisions, to be carried.
        """
        if now_s != self._asked_s:
            self._answer = self._source(now_s, past_needs)
            self._asked_s = now_s
        return self._answer

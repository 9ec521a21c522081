"""How much each engine has left to do, by what was reported and what it says of itself."""

from collections.abc import Mapping

from autoscaler.edges.demand.demand_state import left_by_engine
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.observer import FleetObserver


class WorkLeft:
    """Tokens by engine: predicted ones of reported requests, mean answers of the others.

    Args:
        engines: Say how many requests each of them holds.
        requests: That gateways reported; None if nobody is asked to.
    """

    def __init__(self, engines: FleetObserver, requests: OpenRequests | None) -> None:
        self._engines = engines
        self._requests = requests

    def by_engine(self, now_s: float) -> dict[str, float]:
        """Tokens that are expected of each engine that answers, by its HOST:PORT."""
        known = None if self._requests is None else self._requests.snapshot(now_s)
        told: Mapping[str, tuple[int, float]] = {} if known is None else left_by_engine(known)
        found: dict[str, float] = {}
        for engine, held in self._engines.held_by_engine().items():
            count, tokens = told.get(engine, (0, 0.0))
            found[engine] = tokens + max(0, held - count) * self._engines.mean_tokens
        return found

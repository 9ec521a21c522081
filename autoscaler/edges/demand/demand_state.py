"""A fleet's state out of what was reported and what the engines say of themselves."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from autoscaler.core.demand import DeadlineGroup, TokenDemand
from autoscaler.core.expectation import Expectation
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool
from autoscaler.core.interactive import (
    OccupancyForecast,
    RunningLength,
    occupancy_ahead,
    occupancy_ahead_by_mean,
)
from autoscaler.core.options import DecisionOptions
from autoscaler.edges.controller import Observe
from autoscaler.edges.demand.open_requests import OpenRequests, Snapshot
from autoscaler.edges.demand.report import OpenRequest
from autoscaler.edges.demand.unreported import Unreported

GROUP_S = 15.0
"""Batch requests due within so many seconds of each other are one group, due with its first: a
decision is made as often, and a million requests of a day are some thousand groups."""

Known = tuple[OpenRequest, Expectation]


class ReportedDemand:
    """Puts what was reported in place of what metrics tell of classes, deadlines and lengths.

    How many instances there are, and whether they answer, only their metrics say. So the state is
    as old as the older of both, and there is none without either: whoever is asked first goes on to
    the next source. What the engines hold and nobody reported stays what their metrics say of it.

    A fleet that was at zero before anybody looked is the exception: no engine can say so. While no
    name has an address, and every pool may be at zero, what is reported is all that there is.

    Args:
        requests: That were reported and are open.
        engines: The state by the engines' metrics.
        options: Their SLOs and capacity say what occupancy to expect.
        has_no_address: Whether no name of an engine has an address.
    """

    def __init__(
        self,
        requests: OpenRequests,
        engines: Observe,
        options: DecisionOptions,
        has_no_address: Callable[[], bool] = lambda: False,
    ) -> None:
        self._requests = requests
        self._engines = engines
        self._options = options
        self._has_no_address = has_no_address

    def observe(self, now_s: float, past_needs: Sequence[PastNeed] = ()) -> FleetState | None:
        """The state; None while nobody has reported, or no engine has answered.

        Args:
            now_s: The present, on the clock of the reports.
            past_needs: Of earlier decisions, to be carried.
        """
        seen = self._engines(now_s, past_needs)
        if seen is None and self._has_no_address() and self._may_be_at_zero():
            seen = FleetState(now_s, {}, past_needs=list(past_needs))
        known = self._requests.snapshot(now_s)
        if seen is None or known is None:
            return None
        asked = [one for one in known.requests if one[0].interactive]
        due = [one for one in known.requests if not one[0].interactive]
        unreported = Unreported.of(seen, len(asked), len(due))
        return replace(
            seen,
            observed_s=min(seen.observed_s, known.heard_s),
            interactive=self._interactive(asked, known, unreported.interactive),
            batch=[*batch_groups(due), *_unreported_groups(seen, unreported.batch)],
        )

    def _may_be_at_zero(self) -> bool:
        return not any(limits.least for limits in self._options.limits.values())

    def _interactive(
        self, asked: Sequence[Known], known: Snapshot, unreported: int
    ) -> InteractiveDemand:
        waiting = [one for one in asked if one[0].generated_tokens is None]
        return InteractiveDemand(
            len(asked) - len(waiting) + unreported,
            _demand(waiting),
            self._forecast(asked, known, unreported),
        )

    def _forecast(
        self, asked: Sequence[Known], known: Snapshot, unreported: int
    ) -> OccupancyForecast:
        capacity = self._options.capacity
        itl_s = capacity.itl_s(capacity.slots_within(self._options.slo.itl_s))
        ahead = occupancy_ahead(
            (RunningLength(told.length, one.generated_tokens or 0.0) for one, told in asked),
            known.arrivals_per_s,
            [told.length for told in known.lately] or [known.typical.length],
            itl_s,
            capacity.start_up_s,
        )
        return ahead + occupancy_ahead_by_mean(
            unreported, 0.0, known.typical.mean_tokens, itl_s, capacity.start_up_s
        )


def batch_groups(requests: Iterable[Known]) -> list[DeadlineGroup]:
    """What is left of batch requests, by the time at which they are due.

    Args:
        requests: Batch requests alone, each with what is expected of it.
    """
    groups: dict[float, list[Known]] = {}
    for one in requests:
        due_s = math.floor(one[0].due_s / GROUP_S) * GROUP_S
        groups.setdefault(due_s, []).append(one)
    return [DeadlineGroup(due_s, _demand(among)) for due_s, among in groups.items()]


def left_by_engine(known: Snapshot) -> Mapping[str, tuple[int, float]]:
    """Requests that each engine runs by what was reported, and the tokens that they have left."""
    found: dict[str, tuple[int, float]] = {}
    for one, told in known.requests:
        if one.engine:
            count, tokens = found.get(one.engine, (0, 0.0))
            left = told.left_tokens(one.generated_tokens or 0.0)
            found[one.engine] = (count + 1, tokens + left)
    return found


def _demand(requests: Sequence[Known]) -> TokenDemand:
    """Prompts count until an engine has begun; spread counts whole, which errs to the safe side."""
    return TokenDemand(
        len(requests),
        math.fsum(told.left_tokens(one.generated_tokens or 0.0) for one, told in requests),
        math.fsum(told.variance_tokens2 for _, told in requests),
        math.fsum(one.input_tokens for one, _ in requests if one.generated_tokens is None),
        max((told.knowledge for _, told in requests), default=TokenDemand().knowledge),
    )


def _unreported_groups(seen: FleetState, requests: int) -> list[DeadlineGroup]:
    """So many of the requests in batch engines: due, and as long, as the metrics alone have it."""
    if not requests:
        return []
    share = requests / seen.instances(Pool.BATCH).held_requests
    return [
        replace(
            group,
            demand=replace(
                group.demand,
                requests=round(share * group.demand.requests),
                mean_tokens=share * group.demand.mean_tokens,
                variance_tokens2=share * group.demand.variance_tokens2,
                input_tokens=share * group.demand.input_tokens,
            ),
        )
        for group in seen.batch
    ]

"""The loop from what is seen to what is wanted; whoever asks is answered from memory."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from autoscaler.core.decide import decide
from autoscaler.core.decision import Decision
from autoscaler.core.fleet import FleetState, PastNeed, Pool
from autoscaler.core.options import DecisionOptions
from autoscaler.errors import StaleFleetError, UnknownPoolError

Observe = Callable[[float, Sequence[PastNeed]], FleetState | None]
"""The present and past needs: the fleet's state, None while nothing is known."""


class Controller:
    """Decides at each step, and keeps the last decision and the needs that still damp.

    Args:
        observe: Looks at the fleet, at each step once.
        options: Capacity, SLOs, limits and the rules' numbers.
        gone_after_s: Age of what was seen from which on no answer is better than an old one.
    """

    def __init__(
        self, observe: Observe, options: DecisionOptions, *, gone_after_s: float = 300.0
    ) -> None:
        self._observe = observe
        self._options = options
        self._gone_after_s = gone_after_s
        self._needs: deque[PastNeed] = deque()
        self._decision: Decision | None = None
        self._observed_s = 0.0

    def step(self, now_s: float) -> Decision | None:
        """Look, and decide; None while nothing has ever been seen."""
        while self._needs and now_s - self._needs[0].at_s > self._options.down_window_s:
            self._needs.popleft()
        state = self._observe(now_s, tuple(self._needs))
        if state is None:
            return None
        decision = decide(self._with_starting(state), now_s, self._options)
        if decision.need is not None:
            self._needs.append(decision.need)
        self._decision = decision
        self._observed_s = state.observed_s
        return decision

    def wanted(self, pool: Pool, now_s: float) -> int:
        """The instances that a pool should have, by the last decision.

        Raises:
            UnknownPoolError: If nobody configured the pool.
            StaleFleetError: If nothing is known, or what is known is too old to go by.
        """
        if pool not in self._options.limits:
            raise UnknownPoolError(
                f"there is no pool {pool.value!r}: expected one of "
                f"{', '.join(sorted(known.value for known in self._options.limits))}"
            )
        if self._decision is None:
            raise StaleFleetError("no engine has answered yet: nothing is known of the fleet")
        age_s = now_s - self._observed_s
        if age_s > self._gone_after_s:
            raise StaleFleetError(
                f"what is known of the fleet is {age_s:.0f} s old: expected at most "
                f"{self._gone_after_s:.0f} s"
            )
        return self._decision.pools[pool].wanted

    def _with_starting(self, state: FleetState) -> FleetState:
        """What was asked for and does not serve yet is starting: engines cannot say so."""
        if self._decision is None:
            return state
        pools = dict(state.pools)
        for pool, one in self._decision.pools.items():
            seen = state.instances(pool)
            missing = max(0, one.wanted - seen.ready)
            pools[pool] = replace(seen, starting=max(seen.starting, missing))
        return replace(state, pools=pools)

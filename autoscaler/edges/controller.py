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
        prepare: Called with each decision before anybody is told of it.
    """

    def __init__(
        self,
        observe: Observe,
        options: DecisionOptions,
        *,
        gone_after_s: float = 300.0,
        prepare: Callable[[Decision], None] = lambda _: None,
    ) -> None:
        self._observe = observe
        self._options = options
        self._gone_after_s = gone_after_s
        self._prepare = prepare
        self._needs: deque[PastNeed] = deque()
        self._decision: Decision | None = None
        self._observed_s = 0.0

    def step(self, now_s: float) -> Decision | None:
        """Look, and decide; None while nothing has ever been seen."""
        # The newest stays, however short the window: it says whether anything was needed at all.
        while len(self._needs) > 1 and self._is_past(self._needs[0], now_s):
            self._needs.popleft()
        state = self._observe(now_s, tuple(self._needs))
        if state is None:
            return None
        if self._decision is None and self._options.down_window_s:  # what is there was needed
            there = {pool: state.instances(pool).wanted for pool in Pool}
            self._needs.append(PastNeed(now_s, there))
            state = replace(state, past_needs=(*state.past_needs, self._needs[-1]))
        decision = decide(self._with_asked(state, now_s), now_s, self._options)
        if decision.need is not None:
            self._needs.append(decision.need)
        self._prepare(decision)
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

    def _is_past(self, need: PastNeed, now_s: float) -> bool:
        return now_s - need.at_s > self._options.down_window_s

    def _with_asked(self, state: FleetState, now_s: float) -> FleetState:
        """What was asked for and does not serve yet is starting: engines cannot say so.

        Of a state that is too old what was asked for is all that is known: it may have been less.
        """
        if self._decision is None:
            return state
        is_old = now_s - state.observed_s > self._options.stale_after_s
        pools = dict(state.pools)
        for pool, one in self._decision.pools.items():
            seen = state.instances(pool)
            if is_old:
                seen = replace(seen, ready=min(seen.ready, one.wanted), starting=0)
            missing = max(0, one.wanted - seen.ready)
            pools[pool] = replace(seen, starting=max(seen.starting, missing))
        return replace(state, pools=pools)

    def age_s(self, now_s: float) -> float | None:
        """How old what the last decision rests on is; None before the first."""
        return None if self._decision is None else now_s - self._observed_s

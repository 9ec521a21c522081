"""The one decision, for KEDA, for advice and for the simulator.

From what is needed to what is asked for: up at once, down slowly, and never back and forth.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from autoscaler.core.batch import BatchNeed, batch_need, due_work
from autoscaler.core.decision import Decision, PoolDecision
from autoscaler.core.fleet import FleetState, PastNeed, Pool
from autoscaler.core.interactive import instances_by_backpressure, interactive_backpressure
from autoscaler.core.options import DecisionOptions, InteractiveRule, Lending


@dataclass(frozen=True, slots=True)
class _Need:
    """Instances before the pool's limits and damping, with the reason."""

    instances: int
    reason: str


def decide(state: FleetState, now_s: float, options: DecisionOptions) -> Decision:
    """How many instances each pool should have.

    Pure and idempotent: the same arguments give the same decision, and damping rests on the past
    needs that the state carries. A state that is too old holds what there is.

    Args:
        state: The fleet as it was last seen.
        now_s: The present, on the state's clock.
        options: Capacity, SLOs, limits and the rules' numbers.
    """
    age_s = now_s - state.observed_s
    if not age_s <= options.stale_after_s:
        reason = f"what is known is {age_s:.0f} s old: nothing changes"
        return _held(state, now_s, options, reason)
    interactive, mixed = _interactive_needs(state, options)
    # What counts for batch is the mixed instances that there are, not those that there will be.
    found, lent = _batch_need(state, now_s, options)
    batch = _Need(found.instances, _batch_reason(state, found, lent, options))
    needs = {Pool.INTERACTIVE: interactive, Pool.MIXED: mixed, Pool.BATCH: batch}
    pools = {pool: _damped(pool, need, state, now_s, options) for pool, need in needs.items()}
    busy, instances = _busy(state)
    pressure = interactive_backpressure(busy, instances)
    return Decision(now_s, pools, pressure, found.backpressure, state.knowledge)


def _held(state: FleetState, now_s: float, options: DecisionOptions, reason: str) -> Decision:
    pools = {
        pool: PoolDecision(wanted, wanted, wanted, reason, state.instances(pool).ready)
        for pool in Pool
        for wanted in (max(state.instances(pool).wanted, options.limits_of(pool).least),)
    }
    busy, instances = _busy(state)
    pressure = interactive_backpressure(busy, instances)
    return Decision(now_s, pools, pressure, 0, state.knowledge, held=True)


def _busy(state: FleetState) -> tuple[int, int]:
    pools = [state.instances(pool) for pool in (Pool.INTERACTIVE, Pool.MIXED)]
    return sum(pool.busy_interactive for pool in pools), sum(pool.wanted for pool in pools)


def _interactive_needs(state: FleetState, options: DecisionOptions) -> tuple[_Need, _Need]:
    if options.interactive_rule is InteractiveRule.BACKPRESSURE:
        return _by_backpressure(state, options)
    return _by_occupancy(state, options)


def _by_backpressure(state: FleetState, options: DecisionOptions) -> tuple[_Need, _Need]:
    busy, instances = _busy(state)
    # A request that runs or waits keeps an instance busy, or will as soon as there is one.
    asks = state.interactive.running + state.interactive.waiting.requests
    asked = max(busy, 1 if asks else 0)
    threshold, band = options.ibp_threshold, options.ibp_band
    total = instances_by_backpressure(asked, instances, threshold, band)
    plain = math.ceil(total * threshold - 1e-9)
    reason = (
        f"IBP {interactive_backpressure(busy, instances):.2f} = {busy} busy of {instances} "
        f"(threshold {threshold:.2f} +- {band:.2f})"
    )
    return _split(total, plain, options, reason, reason)


def _by_occupancy(state: FleetState, options: DecisionOptions) -> tuple[_Need, _Need]:
    demand = state.interactive
    now_slots = demand.running + demand.waiting.requests
    ahead_slots = (
        0.0 if demand.forecast is None else demand.forecast.upper_slots(options.deviations)
    )
    slots = max(float(now_slots), ahead_slots)
    each = options.capacity.slots_within(options.slo.itl_s)
    full, lower = options.utilisation, options.utilisation * (1 - options.band)
    fewest, most = (
        _with_headroom(math.ceil(slots / (each * share) - 1e-9), options) for share in (full, lower)
    )
    _, present = _busy(state)
    total = in_band(present, fewest, max(fewest, most))
    plain = math.floor(total / (1 + options.headroom) + 1e-9)
    plain = max(plain, min(total, 1))
    reason = (
        f"{now_slots} requests run or wait, up to {ahead_slots:.1f} slots in "
        f"{options.capacity.start_up_s:.0f} s; {each} slots an instance within the ITL, "
        f"{full:.0%} of them used"
    )
    why = f"headroom of {options.headroom:g} for each of {plain} interactive instances"
    return _split(total, plain, options, reason, why)


def _with_headroom(instances: int, options: DecisionOptions) -> int:
    return instances + math.ceil(instances * options.headroom - 1e-9)


def _split(
    total: int, plain: int, options: DecisionOptions, reason: str, mixed_reason: str
) -> tuple[_Need, _Need]:
    """What one pool may not have goes to the other."""
    interactive = options.limits_of(Pool.INTERACTIVE)
    mixed = options.limits_of(Pool.MIXED)
    if options.lending is Lending.ALL:
        plain = interactive.least
        mixed_reason = f"{reason}; all but the least of the interactive pool are lent"
    lent = mixed.clamp(total - interactive.clamp(plain))
    return _Need(interactive.clamp(total - lent), reason), _Need(lent, mixed_reason)


def _batch_need(
    state: FleetState, now_s: float, options: DecisionOptions
) -> tuple[BatchNeed, float]:
    capacity = options.capacity
    slots = capacity.slots_within(options.slo.batch_itl_s)
    lent = _lent_instances(state, options)
    due = list(due_work(state.batch, capacity, now_s, batch=slots, level=options.batch_level))
    present = state.instances(Pool.BATCH).wanted
    return batch_need(due, capacity, present=present, lent=lent), lent


def _lent_instances(state: FleetState, options: DecisionOptions) -> float:
    """Mixed instances' worth that interactive requests leave free."""
    each = options.capacity.slots_within(options.slo.itl_s)
    ready = [state.instances(pool).ready for pool in (Pool.INTERACTIVE, Pool.MIXED)]
    taken = state.interactive.running + state.interactive.waiting.requests
    free_slots = sum(ready) * each - taken
    return max(0.0, min(float(ready[1]), free_slots / each))


def _batch_reason(
    state: FleetState, found: BatchNeed, lent: float, options: DecisionOptions
) -> str:
    if found.tightest is None:
        return "no batch requests"
    requests = sum(group.demand.requests for group in state.batch)
    return (
        f"{requests} requests by {state.knowledge.phrase}: {found.tightest.work_s:.0f} instance "
        f"seconds ({options.batch_level:.0%}) due in {found.tightest.left_s:.0f} s, {lent:.1f} "
        f"mixed instances lent, {found.backpressure} of {len(state.batch)} groups late as it is"
    )


def _damped(
    pool: Pool, need: _Need, state: FleetState, now_s: float, options: DecisionOptions
) -> PoolDecision:
    limits = options.limits_of(pool)
    current, ready = state.instances(pool).wanted, state.instances(pool).ready
    needed = limits.clamp(need.instances)
    window_s = options.down_window_s
    recent = recent_needs(state.past_needs, pool, now_s, window_s)
    wanted = held_down(needed, current, recent)
    if wanted > needed:
        reason = f"{need.reason}; {wanted} were needed within {window_s:.0f} s"
    elif needed != need.instances:
        reason = f"{need.reason}; {need.instances} needed, {limits.least} to {limits.most} allowed"
    else:
        reason = need.reason
    return PoolDecision(current, needed, limits.clamp(wanted), reason, ready)


def in_band(current: int, fewest: int, most: int) -> int:
    """Keep what there is if it lies between two needs, else go to the nearer one.

    Args:
        current: Instances that are ready or starting, at least 0.
        fewest: Needed so that the load is under the level at which one is added.
        most: Needed so that it is over the level at which one is taken away; at least `fewest`.
    """
    return max(fewest, min(current, most))


def held_down(need: int, current: int, recent: Iterable[int]) -> int:
    """Go up at once; go down only to the most that was needed of late.

    What a stabilisation window of the HPA's does, with the past given rather than kept, so that
    asking twice gives the same answer.

    Args:
        need: Instances that are needed now, at least 0.
        current: Instances that are ready or starting, at least 0.
        recent: Needs of earlier decisions that still count.
    """
    return need if need >= current else min(current, max([need, *recent]))


def recent_needs(past: Iterable[PastNeed], pool: Pool, now_s: float, window_s: float) -> list[int]:
    """The needs of a pool at the decisions of the last `window_s` seconds."""
    return [
        one.instances[pool]
        for one in past
        if pool in one.instances and 0 <= now_s - one.at_s <= window_s
    ]

"""The decision as a whole: its answers by hand, and what holds for any fleet."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings

from autoscaler.core.decide import decide
from autoscaler.core.demand import Knowledge, TokenDemand
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool, PoolInstances
from autoscaler.core.interactive import OccupancyForecast
from autoscaler.core.options import InteractiveRule, Lending, PoolLimits
from tests.autoscaler.states import NOW_S, all_options, fleet, fleets, group, options

EVERYTHING = {pool: PoolLimits(0, 1_000_000_000) for pool in Pool}


def wanted(state: FleetState, **changes) -> dict[str, int]:
    decision = decide(state, NOW_S, options(**changes))
    return {pool.value: one.wanted for pool, one in decision.pools.items()}


def running(requests: int, **changes) -> InteractiveDemand:
    return InteractiveDemand(requests, **changes)


def applied(state: FleetState, decided: dict[Pool, int]) -> FleetState:
    pools = {pool: PoolInstances(count, busy_interactive=state.instances(pool).busy_interactive)
             for pool, count in decided.items()}  # fmt: skip
    return replace(state, pools=pools)


def test_a_fleet_that_nothing_asks_anything_of_goes_to_its_least():
    limits = {Pool.INTERACTIVE: PoolLimits(1, 9), Pool.MIXED: PoolLimits(0, 9)}
    assert wanted(fleet(5, 2), limits=limits) == {"interactive": 1, "mixed": 0, "batch": 0}


def test_interactive_instances_follow_the_slots_that_are_taken_with_headroom_in_mixed_ones():
    # 64 slots an instance at 0.084 s: 0.85 of them are 54.4, so that 200 requests take 4.
    assert wanted(replace(fleet(), interactive=running(200))) == {
        "interactive": 4,
        "mixed": 1,
        "batch": 0,
    }


def test_what_waits_takes_slots_as_well():
    waits = running(100, waiting=TokenDemand.from_mean(100, 300, Knowledge.LLM_MEAN))
    assert wanted(replace(fleet(), interactive=waits))["interactive"] == 4


def test_slots_that_will_be_taken_after_a_start_up_are_asked_for_now():
    ahead = running(10, forecast=OccupancyForecast(180.0, 100.0))
    assert wanted(replace(fleet(), interactive=ahead))["interactive"] == 4


def test_an_instance_is_kept_while_the_load_is_in_the_band_and_taken_away_below_it():
    one_more = fleet(4, 1)
    assert wanted(replace(one_more, interactive=running(180)))["interactive"] == 4
    assert wanted(replace(one_more, interactive=running(60)))["interactive"] == 2


def test_a_recent_need_keeps_its_instances_and_an_old_one_does_not():
    needs = {Pool.INTERACTIVE: 4, Pool.MIXED: 1}
    state = replace(fleet(4, 1), interactive=running(60))
    for age_s, instances in ((60, 4), (200, 2)):
        past = [PastNeed(NOW_S - age_s, needs)]
        assert wanted(replace(state, past_needs=past))["interactive"] == instances


def test_batch_instances_are_as_many_as_the_earliest_deadlines_need():
    # 64 slots give 64 / 0.084 = 762 tokens/s: 10,000 requests of 500 tokens take 6,562 s, at the
    # 90 % quantile 6,646 s, within an hour 1.85 instances.
    assert wanted(replace(fleet(), batch=[group(10_000, 3600)]))["batch"] == 2
    assert wanted(replace(fleet(), batch=[group(10_000, 3600), group(10_000, 7200)]))["batch"] == 2
    assert wanted(replace(fleet(), batch=[group(20_000, 3600)]))["batch"] == 4


def test_free_mixed_instances_are_lent_to_batch_requests():
    asks = {"batch": [group(10_000, 3600)]}
    alone = wanted(replace(fleet(1, 0), **asks))["batch"]
    lent = wanted(replace(fleet(1, 1), **asks))["batch"]
    taken = wanted(replace(fleet(1, 1), interactive=running(128), **asks))["batch"]
    assert (alone, lent, taken) == (2, 1, 2)


def test_with_everything_lent_all_but_the_least_interactive_instances_are_mixed():
    limits = EVERYTHING | {Pool.INTERACTIVE: PoolLimits(2, 50)}
    asked = replace(fleet(), interactive=running(200))
    lent = wanted(asked, limits=limits, lending=Lending.ALL)
    kept = wanted(asked, limits=limits)
    assert (lent["interactive"], lent["mixed"]) == (2, 3)
    assert lent["interactive"] + lent["mixed"] == kept["interactive"] + kept["mixed"]


def test_with_everything_lent_batch_requests_ask_for_fewer_instances_of_their_own():
    load = {"interactive": running(100), "batch": [group(10_000, 3600)]}
    kept = wanted(replace(fleet(4, 1), **load))
    lent = wanted(replace(fleet(0, 5), **load), lending=Lending.ALL)
    assert lent["batch"] < kept["batch"]


def test_one_small_batch_request_gets_an_instance_if_nobody_lends_one():
    assert wanted(replace(fleet(), batch=[group(1, 86_400, 10.0)]))["batch"] == 1
    assert wanted(replace(fleet(), batch=[group(0, 86_400, 10.0)]))["batch"] == 0


def test_a_lost_deadline_does_not_ask_for_the_whole_cluster():
    late = wanted(replace(fleet(), batch=[group(1_000, -100)]))["batch"]
    assert 1 <= late <= 12
    decision = decide(replace(fleet(), batch=[group(1_000, -100)]), NOW_S, options())
    assert decision.batch_backpressure == 1


def test_chirons_rule_adds_above_the_threshold_and_keeps_within_its_band():
    rule = {"interactive_rule": InteractiveRule.BACKPRESSURE}
    decided = [
        wanted(replace(fleet(3, 3, busy=busy), interactive=running(busy)), **rule)
        for busy in (1, 2, 4)
    ]
    assert [sum(one.values()) for one in decided] == [5, 6, 10]


def test_a_state_that_is_too_old_holds_even_with_nothing_to_do():
    old = replace(fleet(5, 2, 3), observed_s=NOW_S - 46)
    decision = decide(old, NOW_S, options())
    assert decision.held
    assert decision.need is None
    assert {pool.value: one.wanted for pool, one in decision.pools.items()} == {
        "interactive": 5, "mixed": 2, "batch": 3}  # fmt: skip
    assert "46 s old" in decision.pools[Pool.BATCH].reason


@pytest.mark.parametrize("knowledge", list(Knowledge))
def test_each_step_of_degradation_still_decides_and_says_what_it_rests_on(knowledge):
    demand = replace(TokenDemand.from_mean(5_000, 400, knowledge), knowledge=knowledge)
    state = replace(fleet(), batch=[replace(group(1, 3600), demand=demand)])
    decision = decide(state, NOW_S, options())
    assert decision.pools[Pool.BATCH].wanted == 1
    assert knowledge.phrase in decision.pools[Pool.BATCH].reason


def test_a_pod_that_stays_pending_for_ten_minutes_changes_nothing():
    pools = {Pool.INTERACTIVE: PoolInstances(1, starting=3), Pool.MIXED: PoolInstances(1)}
    state = FleetState(NOW_S, pools, running(200))
    for minute in range(10):
        now_s = NOW_S + 60 * minute
        decision = decide(replace(state, observed_s=now_s), now_s, options())
        assert decision.pools[Pool.INTERACTIVE].wanted == 4


def test_a_pool_goes_to_zero_and_comes_back():
    idle = decide(fleet(1, 1), NOW_S, options())
    assert [one.wanted for one in idle.pools.values()] == [0, 0, 0]
    woken = replace(fleet(), interactive=running(0, waiting=TokenDemand(1, 100.0)))
    assert decide(woken, NOW_S, options()).pools[Pool.INTERACTIVE].wanted == 1


@given(fleets, all_options)
def test_a_decision_is_whole_numbers_within_the_limits(state, given_options):
    decision = decide(state, NOW_S, given_options)
    for pool, one in decision.pools.items():
        limits = given_options.limits_of(pool)
        assert isinstance(one.wanted, int)
        assert limits.least <= one.wanted <= limits.most
        assert one.reason
    assert not math.isnan(decision.interactive_backpressure)


@given(fleets, all_options)
def test_the_same_question_twice_has_the_same_answer(state, given_options):
    assert decide(state, NOW_S, given_options) == decide(state, NOW_S, given_options)


@given(fleets, all_options)
def test_interactive_requests_never_find_a_fleet_of_nothing(state, given_options):
    asked = replace(state, interactive=replace(state.interactive, running=0,
                    waiting=TokenDemand(1, 10.0)))  # fmt: skip
    decision = decide(asked, NOW_S, replace(given_options, limits=EVERYTHING))
    assert sum(decision.pools[p].wanted for p in (Pool.INTERACTIVE, Pool.MIXED)) >= 1


@given(fleets, all_options)
def test_more_interactive_requests_never_get_fewer_instances(state, given_options):
    free = replace(given_options, limits=EVERYTHING, interactive_rule=InteractiveRule.OCCUPANCY)
    more = replace(
        state, interactive=replace(state.interactive, running=state.interactive.running + 50)
    )
    fewer, most = (
        sum(decide(one, NOW_S, free).pools[p].needed for p in (Pool.INTERACTIVE, Pool.MIXED))
        for one in (state, more)
    )
    assert fewer <= most


@given(fleets, all_options)
def test_more_batch_requests_never_get_fewer_instances(state, given_options):
    free = replace(given_options, limits=EVERYTHING)
    more = replace(state, batch=[*state.batch, group(1_000, 1_800)])
    assert (
        decide(state, NOW_S, free).pools[Pool.BATCH].needed
        <= decide(more, NOW_S, free).pools[Pool.BATCH].needed
    )


@settings(max_examples=200)
@given(fleets, all_options)
def test_no_pool_goes_up_and_down_by_turns_while_the_load_stays(state, given_options):
    load = replace(state, past_needs=())
    seen: list[tuple[int, ...]] = []
    for _ in range(60):
        decision = decide(load, NOW_S, given_options)
        counts = {pool: one.wanted for pool, one in decision.pools.items()}
        seen.append(tuple(counts.values()))
        load = applied(load, counts)
    # Steps of one may take long to arrive, but each total moves one way only.
    for totals in ([a + b for a, b, _ in seen], [c for _, _, c in seen][3:]):
        turns = {(later > now) - (later < now) for now, later in zip(totals, totals[1:])}  # noqa: B905, RUF007
        assert not {1, -1} <= turns

"""Fleets and options, small and drawn."""

from hypothesis import strategies as st

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.demand import DeadlineGroup, Knowledge, TokenDemand
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool, PoolInstances
from autoscaler.core.interactive import OccupancyForecast
from autoscaler.core.options import DecisionOptions, InteractiveRule, Lending, PoolLimits
from autoscaler.core.slo import Slo

CAPACITY = InstanceCapacity(
    slots=64, step_s=0.02, sequence_s=0.001, prefill_token_s=1e-5, start_up_s=60.0
)
NOW_S = 1_000.0


def options(**changes) -> DecisionOptions:
    return DecisionOptions(CAPACITY, Slo(itl_s=0.1), **changes)


def fleet(interactive=0, mixed=0, batch=0, *, busy=0, **changes) -> FleetState:
    """All ready, seen now; `busy` of the interactive ones run something."""
    pools = {
        Pool.INTERACTIVE: PoolInstances(interactive, busy_interactive=busy),
        Pool.MIXED: PoolInstances(mixed),
        Pool.BATCH: PoolInstances(batch),
    }
    return FleetState(NOW_S, pools, **changes)


def group(requests: int, due_in_s: float, tokens: float = 500.0) -> DeadlineGroup:
    return DeadlineGroup(
        NOW_S + due_in_s, TokenDemand.from_mean(requests, tokens, Knowledge.JOB_MEAN)
    )


counts = st.integers(0, 40)
demands = st.builds(
    TokenDemand,
    requests=st.integers(0, 100_000),
    mean_tokens=st.floats(0, 1e9),
    variance_tokens2=st.floats(0, 1e12),
    input_tokens=st.floats(0, 1e9),
    knowledge=st.sampled_from(Knowledge),
)
instances = st.builds(PoolInstances, counts, counts, counts, counts)
forecasts = st.builds(OccupancyForecast, st.floats(0, 1e5), st.floats(0, 1e6))
fleets = st.builds(
    FleetState,
    observed_s=st.floats(NOW_S - 40, NOW_S),
    pools=st.dictionaries(st.sampled_from(Pool), instances),
    interactive=st.builds(
        InteractiveDemand, st.integers(0, 10_000), demands, st.none() | forecasts
    ),
    batch=st.lists(st.builds(DeadlineGroup, st.floats(0, 1e5), demands), max_size=5),
    past_needs=st.lists(
        st.builds(PastNeed, st.floats(0, NOW_S), st.dictionaries(st.sampled_from(Pool), counts)),
        max_size=4,
    ),
)
limits = st.dictionaries(
    st.sampled_from(Pool),
    st.builds(lambda least, more: PoolLimits(least, least + more), counts, counts),
)
all_options = st.builds(
    options,
    limits=limits,
    interactive_rule=st.sampled_from(InteractiveRule),
    headroom=st.floats(0, 3),
    lending=st.sampled_from(Lending),
    utilisation=st.floats(0.05, 1),
    band=st.floats(0, 0.9),
)

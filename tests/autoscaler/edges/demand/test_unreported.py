"""What engines hold and nobody reported, whatever is held and reported."""

from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.fleet import FleetState, Pool, PoolInstances
from autoscaler.edges.demand.unreported import Unreported

counts = st.integers(0, 1_000)


@given(held=st.dictionaries(st.sampled_from(Pool), counts), interactive=counts, batch=counts)
def test_nothing_that_is_held_vanishes_nor_is_of_a_class_that_it_cannot_be(
    held, interactive, batch
):
    seen = FleetState(0.0, {pool: PoolInstances(1, held_requests=n) for pool, n in held.items()})
    rest = Unreported.of(seen, interactive, batch)
    in_interactive, in_mixed, in_batch = (held.get(pool, 0) for pool in Pool)
    assert rest.interactive + interactive + rest.batch + batch >= sum(held.values())
    assert rest.batch + batch >= in_batch
    assert 0 <= rest.batch <= in_batch
    assert 0 <= rest.interactive <= in_interactive + in_mixed
    if in_mixed or in_batch:
        assert rest.interactive + interactive >= in_interactive


@given(held=counts, batch=counts)
def test_what_is_reported_and_held_counts_once(held, batch):
    pools = {Pool.MIXED: PoolInstances(1, held_requests=held + batch), Pool.BATCH: PoolInstances(1)}
    rest = Unreported.of(FleetState(0.0, pools), held, batch)
    assert rest == Unreported(0, 0)

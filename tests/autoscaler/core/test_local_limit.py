"""The batch limit of one engine follows its backpressure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.local_limit import BatchLimit, LimitOptions, StepSample, follow
from autoscaler.errors import InvalidStateError

OPTIONS = LimitOptions(itl_slo_s=0.1, most=256)


def settled(step_s: float, sequence_s: float, asking: int, start: float = 8.0) -> BatchLimit:
    """Where the limit goes on an engine with these steps, while so many requests ask."""
    limit = BatchLimit(start)
    for _ in range(400):
        running = min(asking, limit.requests)
        limit = follow(limit, StepSample(running, step_s + sequence_s * running), OPTIONS)
    return limit


@pytest.mark.parametrize("start", [1.0, 8.0, 256.0])
def test_the_limit_settles_near_the_batch_that_just_keeps_the_slo(start):
    # A batch of 80 has exactly 0.1 s between tokens.
    assert 0.8 * 80 <= settled(0.02, 0.001, 1_000, start).requests <= 80


def test_shrinking_is_not_taken_for_a_loss_of_throughput():
    # A batch of 100 has exactly 0.1 s; its step takes 0.09 s whatever the batch.
    assert 80 <= settled(0.09, 0.0001, 1_000, 256.0).requests <= 100


def test_a_slower_engine_gets_a_smaller_batch():
    assert settled(0.02, 0.004, 1_000).requests < settled(0.02, 0.001, 1_000).requests


def test_an_engine_that_never_nears_its_slo_ends_at_its_slots():
    assert settled(0.001, 0.0001, 1_000).requests == 256


def test_with_few_requests_the_limit_does_not_run_away():
    assert settled(0.02, 0.001, 4, start=32.0).requests == 32


def test_one_bad_sample_takes_away_at_most_half():
    after = follow(BatchLimit(64.0), StepSample(64, 100.0), OPTIONS)
    assert after.value == 32.0


def test_a_sample_without_requests_changes_nothing():
    limit = BatchLimit(8.0, 0.05, 100.0)
    assert follow(limit, StepSample(0, 1.0), OPTIONS) is limit


def test_options_that_cannot_be_are_refused():
    with pytest.raises(InvalidStateError, match=r"room is|room 1"):
        LimitOptions(0.1, room=1.0)
    with pytest.raises(InvalidStateError, match="most is 2"):
        LimitOptions(0.1, least=4, most=2)


@given(
    st.floats(1, 256),
    st.lists(st.tuples(st.integers(0, 300), st.floats(1e-4, 1e3)), max_size=30),
)
def test_the_limit_stays_within_its_bounds_whatever_is_sampled(start, samples):
    limit = BatchLimit(start)
    for running, itl_s in samples:
        limit = follow(limit, StepSample(running, itl_s), OPTIONS)
        assert 1 <= limit.requests <= 256

"""What the Gittins rank promises to a scheduler."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_client import LengthDistribution, gittins_key, gittins_rank


@given(st.floats(1, 1e6), st.floats(0, 0.9))
def test_a_job_of_certain_length_ranks_by_what_remains_of_it(length, share):
    certain = LengthDistribution.from_quantiles([0.5], [length])
    assert gittins_rank(certain, share * length) == pytest.approx((1 - share) * length)


def test_a_job_that_is_probably_short_goes_before_one_of_the_same_mean():
    gamble = LengthDistribution((0.0, 0.9, 0.9, 1.0), (10, 10, 910, 910))
    certain = LengthDistribution((0.0, 1.0), (100, 100))
    assert gamble.mean() == pytest.approx(certain.mean())
    assert gittins_rank(gamble) < gittins_rank(certain)


def test_once_the_gamble_is_lost_the_job_goes_last():
    gamble = LengthDistribution((0.0, 0.9, 0.9, 1.0), (10, 10, 910, 910))
    certain = LengthDistribution((0.0, 1.0), (100, 100))
    assert gittins_rank(gamble, 11) == pytest.approx(899)
    assert gittins_rank(gamble, 11) > gittins_rank(certain)


@given(st.lists(st.floats(0, 1e4), min_size=4, max_size=4), st.floats(0, 1e4))
def test_the_rank_is_the_least_ratio_over_all_moments_to_stop(tokens, generated):
    distribution = LengthDistribution.from_quantiles((0.1, 0.4, 0.7, 0.9), sorted(tokens))
    left = distribution.remaining(generated)
    rank = gittins_rank(distribution, generated)
    for share in range(1, 40):
        stop = left.tokens[-1] * share / 40
        within = left.level_of(stop)
        if within > 1e-6:
            steps = 400
            spent = sum(1 - left.level_of(stop * (i + 0.5) / steps) for i in range(steps))
            assert rank <= spent * stop / steps / within * 1.02 + 1e-6


@given(st.floats(0, 1e12), st.floats(0, 1e3))
def test_a_gittins_key_is_an_int_that_int64_holds(rank, rate):
    key = gittins_key(rank, rate)
    assert type(key) is int
    assert 0 <= key <= 2**63 - 1


@pytest.mark.parametrize("rank", [-1.0, float("nan")])
def test_a_rank_that_is_none_is_refused(rank):
    with pytest.raises(ValueError, match="rank_tokens is"):
        gittins_key(rank)

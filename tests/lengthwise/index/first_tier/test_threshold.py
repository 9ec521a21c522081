"""How much a first tier may answer follows from what the order of the lengths loses by it."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from lengthwise.index.first_tier.threshold import (
    MIN_ROWS,
    TierPair,
    chosen_threshold,
    loss_error,
    tau_loss,
)

ROWS = 1_000


def rows_of(first_noise, *, count=ROWS, second_noise=0.5, seed=0):
    """Lengths that both tiers tell with noise; the first tier's may differ from row to row."""
    rng = np.random.default_rng(seed)
    truth = rng.lognormal(5, 1, count)
    return TierPair(
        unsureness=rng.permutation(count) / count,
        first=truth * rng.lognormal(0, first_noise, count),
        second=truth * rng.lognormal(0, second_noise, count),
        truth=truth,
    )


def test_a_tier_as_good_as_the_second_answers_all():
    threshold = chosen_threshold(rows_of(0.4), 0.0)
    assert threshold is not None
    assert threshold.share == 1
    assert threshold.loss < 0


def test_a_tier_that_knows_nothing_answers_nothing():
    assert chosen_threshold(rows_of(5), 0.005) is None


def test_what_it_is_sure_of_is_answered_where_it_is_right_about_that():
    rows = rows_of(0.5)
    unsure = rows.unsureness > 0.6
    rows = TierPair(
        rows.unsureness, np.where(unsure, rows.first[::-1], rows.first), rows.second, rows.truth
    )
    threshold = chosen_threshold(rows, 0.02)
    assert threshold is not None
    assert threshold.share == pytest.approx(0.6, abs=0.05)


def test_a_larger_loss_lets_it_answer_more():
    rows = rows_of(0.75)
    found = [chosen_threshold(rows, loss) for loss in (0.01, 0.03, 0.2)]
    shares = [0.0 if one is None else one.share for one in found]
    assert shares == sorted(shares)
    assert shares[0] < shares[1] < shares[2] == 1


def test_the_loss_is_that_of_all_pairs_those_of_two_tiers_among_them():
    rows = rows_of(0.5)
    longer = TierPair(rows.unsureness, rows.first * 3, rows.second, rows.truth)
    expected = (
        kendalltau(longer.second, longer.truth).statistic
        - kendalltau(
            np.where(rows.unsureness <= 0.5, longer.first, longer.second), longer.truth
        ).statistic
    )
    assert tau_loss(longer, 0.5) == pytest.approx(expected)
    # Threefold lengths are in as good an order by themselves, and in a bad one among others.
    assert tau_loss(longer, 0.5) > tau_loss(rows, 0.5) + 0.05


def test_too_few_rows_choose_nothing():
    assert chosen_threshold(rows_of(0.4, count=MIN_ROWS - 1), 0.5) is None
    assert chosen_threshold(rows_of(0.4, count=MIN_ROWS), 0.5) is not None


def test_the_standard_error_is_what_other_rows_show():
    losses = [tau_loss(rows_of(0.7, seed=seed, count=300), 0.5) for seed in range(200)]
    errors = [loss_error(rows_of(0.7, seed=seed, count=300), 0.5) for seed in range(5)]
    assert np.mean(errors) == pytest.approx(np.std(losses), rel=0.2)

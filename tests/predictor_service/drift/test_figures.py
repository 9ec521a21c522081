"""What a window of judged predictions amounts to."""

import numpy as np
import pytest

from predictor_service.drift.scored_prediction import ABOVE, BELOW, Judged
from predictor_service.drift.window import Figures, coverage, rank_agreement


def row(median=100.0, true=100.0, place=0.5, *, censored=False):
    return Judged(median, true, censored, place)


def test_an_empty_window_says_nothing():
    figures = Figures.of([])
    assert (figures.rows, figures.mae_tokens, figures.coverage_90) == (0, None, None)


def test_the_error_is_that_of_the_medians_in_tokens_and_on_the_log_scale():
    figures = Figures.of([row(99, 99), row(99, 199)])
    assert figures.mae_tokens == 50
    assert figures.log_error == pytest.approx(np.log(2) / 2)


def test_a_censored_length_has_no_error_but_is_counted():
    figures = Figures.of([row(100, 110), row(100, 9_000, censored=True)])
    assert (figures.rows, figures.censored_rows, figures.mae_tokens) == (2, 1, 10)


def test_coverage_is_the_share_inside_where_nothing_is_censored():
    places = [BELOW] * 2 + [0.3] * 5 + [ABOVE] * 3
    assert Figures.of([row(place=p) for p in places]).coverage_90 == pytest.approx(0.5)


def test_a_censored_length_is_spread_over_those_that_went_on():
    # Of ten, one is cut off in the middle; of the four that went further half ended inside.
    rows = [row(place=0.2) for _ in range(5)]
    rows += [row(place=0.5, censored=True)]
    rows += [row(place=0.8), row(place=0.8), row(place=ABOVE), row(place=ABOVE)]
    assert Figures.of(rows).coverage_90 == pytest.approx(0.5 + 0.25)


def test_with_every_answer_cut_off_inside_nothing_is_known():
    assert Figures.of([row(place=0.5, censored=True)] * 20).coverage_90 is None


def test_censoring_does_not_move_the_coverage_of_a_true_prediction():
    rng = np.random.default_rng(0)
    level, cut = rng.random(20_000), rng.choice([0.06, 1.0], 20_000)
    censored = cut < level
    seen = np.minimum(level, cut)
    place = np.where(seen < 0.05, BELOW, np.where(seen > 0.95, ABOVE, seen))
    assert coverage(place, censored) == pytest.approx(0.9, abs=0.02)
    # What leaving the censored rows out would say.
    inside = (place > BELOW) & (place < ABOVE)
    assert inside[~censored].mean() < 0.88


def test_ranks_agree_as_far_as_the_order_does():
    rows = [row(median, median * 2) for median in range(20)]
    assert rank_agreement(rows) == pytest.approx(1)
    assert rank_agreement([row(m, -m) for m in range(20)]) == pytest.approx(-1)


def test_too_few_or_equal_predictions_have_no_rank():
    assert rank_agreement([row(1, 2)] * 50) is None
    assert rank_agreement([row(m, m) for m in range(9)]) is None

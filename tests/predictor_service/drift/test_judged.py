"""One prediction beside the length that came of it."""

import math

import pytest

from lengthwise.index.record import HistoryRecord
from predictor_service.drift.outstanding import Given
from predictor_service.drift.scored_prediction import ABOVE, BELOW, judge

GIVEN = Given("v1", (0.05, 0.5, 0.95), (20.0, 100.0, 400.0), given_s=0)


def reported(tokens, **options):
    return HistoryRecord("hi", tokens, **options)


@pytest.mark.parametrize(
    ("tokens", "place"), [(19, BELOW), (20, 0.05), (100, 0.5), (250, 0.725), (400, 0.95)]
)
def test_a_length_has_its_place_in_the_predicted_distribution(tokens, place):
    assert judge(GIVEN, reported(tokens)).place == pytest.approx(place)


def test_the_interval_ends_where_whole_tokens_end():
    given = Given("v1", (0.05, 0.5, 0.95), (19.6, 100.0, 400.4), given_s=0)
    assert judge(given, reported(20)).place == pytest.approx(0.05, abs=0.003)
    assert judge(given, reported(400)).place == pytest.approx(0.95, abs=0.001)
    assert judge(given, reported(401)).place == ABOVE
    assert judge(given, reported(19)).place == BELOW


def test_an_answer_cut_off_by_something_else_is_only_known_to_be_longer():
    judged = judge(GIVEN, reported(100, finish_reason="length"))
    assert (judged.censored, judged.place) == (True, 0.5)


def test_an_answer_cut_off_beyond_the_interval_is_known_to_have_missed_it():
    assert judge(GIVEN, reported(400, finish_reason="length")).place == ABOVE


def test_an_answer_that_reached_the_callers_own_limit_has_the_length_that_was_predicted():
    given = Given("v1", (0.05, 0.5, 0.95), (20.0, 50.0, 50.0), given_s=0)
    judged = judge(given, reported(50, max_tokens=50, finish_reason="length"))
    assert (judged.censored, judged.median_tokens, judged.true_tokens) == (False, 50, 50)
    assert BELOW < judged.place < ABOVE


def test_without_levels_that_far_out_there_is_no_90_percent_interval():
    given = Given("v1", (0.1, 0.5, 0.9), (20.0, 100.0, 400.0), given_s=0)
    assert math.isnan(judge(given, reported(100)).place)

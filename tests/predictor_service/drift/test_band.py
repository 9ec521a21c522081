"""When the alarm begins, and when it ends."""

import pytest

from predictor_service.drift.band import Band
from predictor_service.drift.promise import Promise
from predictor_service.drift.window import Figures

PROMISE = Promise(rows=10_000, mae_tokens=50.0, coverage_90=0.9)


def figures(rows=1_000, *, mae=50.0, deviation=1.0, coverage=0.9, censored=0):
    return Figures(rows, censored, mae, deviation, 0.4, coverage)


def test_as_promised_there_is_no_alarm():
    assert Band().reason(figures(), PROMISE, alarmed="") == ""


def test_an_error_beyond_the_ratio_is_told_in_tokens():
    reason = Band().reason(figures(mae=75), PROMISE, alarmed="")
    assert "75 tokens, 1.50 times the 50" in reason


def test_an_error_that_chance_may_have_made_is_none():
    assert Band().reason(figures(mae=75, deviation=10), PROMISE, alarmed="") == ""


def test_coverage_short_of_the_promised_is_told():
    reason = Band().reason(figures(coverage=0.78), PROMISE, alarmed="")
    assert "78% of the lengths, 90%" in reason


@pytest.mark.parametrize(("rows", "alarm"), [(100, False), (1_000, True)])
def test_the_same_coverage_counts_the_more_the_more_rows_it_rests_on(rows, alarm):
    assert bool(Band().reason(figures(rows, coverage=0.81), PROMISE, alarmed="")) is alarm


def test_intervals_that_hold_more_than_promised_are_no_alarm():
    assert Band().reason(figures(coverage=1.0, mae=10), PROMISE, alarmed="") == ""


def test_an_alarm_ends_only_once_the_figures_are_well_inside():
    band = Band()
    between = figures(mae=60)
    assert band.reason(between, PROMISE, alarmed="") == ""
    assert band.reason(between, PROMISE, alarmed="the mean error was 90") != ""
    assert band.reason(figures(mae=56), PROMISE, alarmed="the mean error was 90") == ""


def test_too_few_known_lengths_begin_no_alarm_and_end_none():
    few = figures(rows=500, censored=401, mae=500)
    assert Band().reason(few, PROMISE, alarmed="") == ""
    assert Band().reason(few, PROMISE, alarmed="since before") == "since before"


def test_where_nothing_was_promised_nothing_is_held_against_it():
    assert Band().reason(figures(mae=999, coverage=0.1), Promise(), alarmed="") == ""

"""What the rounds of benchmarks.envoy come to."""

import pytest

from benchmarks.envoy.measure import Round, Times
from benchmarks.envoy.tables import envoy_report, share_predicted


def round_of(alone_ms, with_ms, prediction_ms):
    times = Times([alone_ms] * 3, [with_ms] * 3)
    return Round(times, times, [prediction_ms] * 3, Times([0.1] * 3, [0.2] * 3), 80.0)


def reported(rounds, log):
    return envoy_report("python -m benchmarks.envoy", rounds, log)


def aims_met(report):
    return [row["met"] for row in report.tables[1].rows]


LOG = (
    "2026-11-28 INFO calls placed: 1,203 (200 no_text, 1,003 predicted); ended: 0\n"
    "2026-11-28 INFO calls placed: 0; ended: 2 (2 stop)\n"
)


def test_what_is_added_is_that_of_the_median_round():
    rounds = [round_of(1.0, 2.0, 7.0), round_of(1.0, 2.5, 7.0), round_of(1.0, 9.0, 7.0)]
    report = reported(rounds, LOG)
    assert report.tables[0].rows[0]["p50"].median == pytest.approx(1.5)
    assert aims_met(report) == [True, True, True]


def test_an_aim_that_is_missed_is_told_so():
    report = reported([round_of(1.0, 11.0, 7.0)], LOG.replace("200 no_text", "200 deadline"))
    assert aims_met(report) == [False, False, False]


@pytest.mark.parametrize(
    ("log", "share"),
    [
        (LOG, 1.0),
        ("calls placed: 4 (1 deadline, 3 predicted); ended: 0", 0.75),
        ("calls placed: 2 (2 no_text); ended: 0", 0.0),
        ("", 0.0),
    ],
)
def test_the_share_with_a_prediction_is_of_those_that_have_a_text(log, share):
    assert share_predicted(log) == share

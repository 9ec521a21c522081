"""Accuracy in parts, worked out by hand."""

import numpy as np
import pytest

from index_builder.evaluation.breakdown import accuracy_by_model, coverage_90_by_decile
from index_builder.evaluation.metrics import PredictedLengths


def within(point, reach):
    point = np.asarray(point, float)
    return PredictedLengths(point, interval_90=(point - reach, point + reach))


def test_each_llm_has_the_accuracy_of_its_own_rows():
    predicted = within([10, 20, 30, 40, 50], 5)
    truth = np.array([10.0, 20, 30, 50, 40])
    found = accuracy_by_model(predicted, truth, ["a", "a", "a", "b", "b"])
    assert list(found) == ["a", "b"]
    assert [found["a"].rows, found["a"].mae, found["a"].coverage_90] == [3, 0, 1]
    assert found["a"].kendall_tau_b == pytest.approx(1)
    assert [found["b"].rows, found["b"].mae, found["b"].coverage_90] == [2, 10, 0]
    assert found["b"].kendall_tau_b == pytest.approx(-1)


def test_an_llm_with_one_row_has_no_rank_correlation_and_without_intervals_no_coverage():
    found = accuracy_by_model(PredictedLengths(np.array([1.0])), np.array([3.0]), [""])
    assert found[""].to_dict() == {
        "rows": 1,
        "kendall_tau_b": None,
        "mae": 2.0,
        "coverage_90": None,
    }


def test_the_tenths_go_by_the_predicted_length_whatever_the_order_of_rows():
    point = np.arange(40.0)
    truth = np.where(point < 4, point, point + 100)  # only the four shortest are right
    truth[36:38] = point[36:38]  # and half of the four longest
    shuffled = np.random.default_rng(0).permutation(40)
    found = coverage_90_by_decile(within(point[shuffled], 1), truth[shuffled])
    assert found == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0.5)


@pytest.mark.parametrize(
    "predicted", [PredictedLengths(np.arange(40.0)), within(np.arange(9.0), 1)]
)
def test_without_intervals_or_ten_rows_there_is_no_coverage_by_tenth(predicted):
    assert coverage_90_by_decile(predicted, predicted.point) == (None,) * 10

"""A first tier is fitted on rows of the index, and left out where it would lose too much."""

import numpy as np
import pytest

from lengthwise.index.first_tier.fitted_tier import FittedTier
from tests.lengthwise.index.fakes import TOPICS, topic_history
from tests.lengthwise.index.first_tier.tiered import tiered_index
from tests.lengthwise.index.topic_student import topic_student

RECORDS = topic_history(1_200)


def test_what_it_answers_and_loses_is_stated():
    tier = tiered_index(RECORDS, topic_student(unsure=(0, 7))).tier
    assert tier is not None
    assert tier.threshold.share == pytest.approx(6 / TOPICS, abs=0.05)
    assert tier.threshold.loss < 0.01
    assert 0 < tier.threshold.loss_error < 0.01
    assert tier.held_out_rows == 1_200


def test_a_student_that_is_sure_and_wrong_is_left_out():
    tiered = tiered_index(RECORDS, topic_student(wrong=range(TOPICS)))
    assert tiered.tier is None
    assert tiered.index.first_tier is None


def test_the_validation_is_of_both_tiers_together():
    tiered = tiered_index(RECORDS, topic_student(unsure=(0, 7)))
    assert tiered.tier is not None
    before, after = tiered.fit.validation, tiered.tier.validation
    assert before is not None
    assert after is not None
    first = tiered.tier.first
    assert np.array_equal(after.rows, before.rows)
    assert np.array_equal(after.grid[~first], before.grid[~first])
    assert not np.array_equal(after.grid[first], before.grid[first])
    sure = np.isin(after.rows % TOPICS, (0, 7), invert=True)
    assert (first == sure).mean() > 0.95


def test_what_was_fitted_is_read_as_it_was(tmp_path):
    tier = tiered_index(RECORDS, topic_student()).tier
    assert tier is not None
    tier.fitted.save(tmp_path / "calibration.json")
    assert FittedTier.load(tmp_path / "calibration.json") == tier.fitted

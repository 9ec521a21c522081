"""What a build with a few absurd rows says of prompts that are like its honest ones."""

import random
from dataclasses import replace

import numpy as np
import pytest

from lengthwise.index.estimate.estimate import Query
from tests.lengthwise.index.fakes import index_of, topic_history

ASKED = topic_history(200, seed=9)


def mixed(share: float):
    """Honest rows, and in place of some of them absurd ones under the same prompts."""
    rng = random.Random(1)
    return [
        replace(r, output_tokens=rng.randint(80_000, 100_000)) if rng.random() < share else r
        for r in topic_history(800)
    ]


def told(share: float) -> tuple[float, float]:
    """Mean absolute error of the medians, and the mean of what is expected, in tokens."""
    estimates = index_of(mixed(share)).predict([Query(r.prompt, r.model) for r in ASKED])
    truth = np.array([r.output_tokens for r in ASKED])
    medians = np.array([e.median_tokens for e in estimates])
    expected = np.array([e.expected_tokens for e in estimates])
    return float(np.abs(medians - truth).mean()), float(expected.mean())


def test_three_absurd_rows_of_a_hundred_neither_move_medians_nor_double_what_is_expected():
    (clean_error, clean_mean), (error, mean) = told(0), told(0.03)
    assert error < 1.25 * clean_error
    assert mean == pytest.approx(clean_mean, rel=0.5)

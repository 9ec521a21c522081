"""What schedulers are told of lengths: the truth, the truth with noise, or what was recorded."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from lengthwise.length_distribution import LengthDistribution
from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.requests import Distributions, FloatArray, IntArray

QUANTILE_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
TAU_ROWS = 4000
"""Rows that the rank correlation is measured on: it costs time."""

MAX_SIGMA = 64.0
TAU_STEPS = 30


def oracle_with_noise(
    output_tokens: IntArray, kendall_tau_b: float, rng: np.random.Generator
) -> FloatArray:
    """The truth times log-normal noise, so much that predictions order as badly as is asked for.

    Args:
        output_tokens: Shape (rows,): the truth.
        kendall_tau_b: Between predictions and truth, in (0, 1]; 1 is the truth itself.
        rng: Source of chance.

    Returns:
        Shape (rows,): predicted tokens.

    Raises:
        InvalidWorkloadError: If the correlation is out of range.
    """
    if not 0 < kendall_tau_b <= 1:
        raise InvalidWorkloadError(f"tau is {kendall_tau_b}: expected a correlation in (0, 1]")
    noise = rng.standard_normal(len(output_tokens))
    if kendall_tau_b == 1:
        return output_tokens.astype(np.float64)
    logs = np.log(output_tokens)
    few = slice(None, TAU_ROWS)
    low, high = 0.0, MAX_SIGMA
    for _ in range(TAU_STEPS):  # tau falls as noise grows
        sigma = (low + high) / 2
        tau = _kendall_tau_b(logs[few] + sigma * noise[few], logs[few])
        low, high = (sigma, high) if tau > kendall_tau_b else (low, sigma)
    return np.exp(np.minimum(logs + low * noise, np.log(1e6)))


def _kendall_tau_b(one: FloatArray, other: FloatArray) -> float:
    result: Any = kendalltau(one, other)
    return float(result.statistic)


def learnt_distributions(
    known_predictions: npt.NDArray[np.float64],
    known_tokens: IntArray,
    predictions: FloatArray,
    bins: int = 32,
) -> Distributions:
    """What lengths turned out to be where about the same was predicted.

    Predictions that are classes have a distribution each; others are put into bins of as many
    known rows each.

    Args:
        known_predictions: Shape (known,): of other requests.
        known_tokens: Shape (known,): their true lengths.
        predictions: Shape (rows,): to be given distributions.
        bins: At most so many.

    Raises:
        InvalidWorkloadError: If nothing is known.
    """
    if len(known_tokens) == 0:
        raise InvalidWorkloadError("no known lengths: expected some to learn distributions from")
    edges = np.unique(np.quantile(known_predictions, np.linspace(0, 1, bins + 1)[1:-1]))
    values = np.unique(known_predictions)
    if len(values) <= bins:
        edges = (values[1:] + values[:-1]) / 2
    place = np.searchsorted(edges, known_predictions, side="right")
    shared = [_distribution(known_tokens[place == b], known_tokens) for b in range(len(edges) + 1)]
    return Distributions(shared, np.searchsorted(edges, predictions, side="right"))


def _distribution(tokens: IntArray, all_tokens: IntArray) -> LengthDistribution:
    drawn = tokens if len(tokens) else all_tokens
    quantiles = np.quantile(drawn, QUANTILE_LEVELS)
    return LengthDistribution.from_quantiles(QUANTILE_LEVELS, quantiles.tolist())


def class_means(classes: IntArray, known_classes: IntArray, known_tokens: IntArray) -> FloatArray:
    """Each class as the mean length that it turned out to have.

    Args:
        classes: Shape (rows,): predicted, from 0.
        known_classes: Shape (known,): of other requests.
        known_tokens: Shape (known,): their true lengths.

    Returns:
        Shape (rows,): predicted tokens.
    """
    counts = np.bincount(known_classes)
    sums = np.bincount(known_classes, weights=known_tokens)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), known_tokens.mean())
    if int(classes.max()) >= len(means):
        raise InvalidWorkloadError(
            f"class {int(classes.max())} is predicted, but unknown: expected 0 to {len(means) - 1}"
        )
    return means[classes]

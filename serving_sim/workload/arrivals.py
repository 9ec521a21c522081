"""When requests come: drawn, or replayed from a trace at another rate."""

import math

import numpy as np

from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.requests import FloatArray, IntArray


def gamma_arrivals_s(
    rate_per_s: float, cv: float, count: int, rng: np.random.Generator
) -> FloatArray:
    """Arrivals with gamma-distributed gaps.

    Args:
        rate_per_s: Mean requests per second; infinity for all at once.
        cv: Coefficient of variation of the gaps: 1 is Poisson, more is burstier.
        count: Number of requests, at least 1.
        rng: Random generator; the same state gives the same arrivals.

    Returns:
        Shape (count,), ascending.

    Raises:
        InvalidWorkloadError: If a number is out of range.
    """
    if not rate_per_s > 0 or not (math.isfinite(cv) and cv > 0) or count < 1:
        raise InvalidWorkloadError(
            f"rate {rate_per_s}, cv {cv}, count {count}: expected a rate and a cv above 0, and at "
            "least one request"
        )
    if rate_per_s == math.inf:
        return np.zeros(count)
    shape = 1 / cv**2
    return np.cumsum(rng.gamma(shape, 1 / (rate_per_s * shape), count))


def scaled_arrivals_s(
    timestamps_s: FloatArray, rate_per_s: float, count: int, start: int = 0
) -> FloatArray:
    """A trace's arrivals at another rate: its gaps, in proportion, and so its bursts.

    A trace that is too short goes round.

    Args:
        timestamps_s: Shape (rows,), ascending, at least 2.
        rate_per_s: Mean requests per second of the whole trace as it is replayed.
        count: Number of requests, at least 1.
        start: Row of the trace to begin at.

    Returns:
        Shape (count,), ascending from the first gap.

    Raises:
        InvalidWorkloadError: If the trace is too short, or a number is out of range.
    """
    gaps_s = np.diff(timestamps_s)
    if not rate_per_s > 0 or len(gaps_s) < 1 or not gaps_s.sum() > 0:
        raise InvalidWorkloadError(
            f"a rate of {rate_per_s} on a trace of {len(timestamps_s)} rows: expected a rate above "
            "0 and at least two different times"
        )
    rows = (start + np.arange(count)) % len(gaps_s)
    return np.cumsum(gaps_s[rows] / (gaps_s.mean() * rate_per_s))


def paired_arrivals_s(timestamps_s: FloatArray, rate_per_s: float, rows: IntArray) -> FloatArray:
    """When rows of a trace arrive at another rate: each after the gap that was before it.

    Args:
        timestamps_s: Shape (rows of the trace,), ascending.
        rate_per_s: Mean requests per second of the whole trace as it is replayed.
        rows: Shape (requests,): which rows are served, in order; where they begin anew, at row 0,
            the mean gap is before them.

    Returns:
        Shape (requests,), ascending.

    Raises:
        InvalidWorkloadError: If the trace has no two different times, or the rate is 0.
    """
    gaps_s = np.diff(timestamps_s)
    if not rate_per_s > 0 or len(gaps_s) < 1 or not gaps_s.sum() > 0:
        raise InvalidWorkloadError(
            f"a rate of {rate_per_s} on a trace of {len(timestamps_s)} rows: expected a rate above "
            "0 and at least two different times"
        )
    mean_s = gaps_s.mean()
    before_s = np.concatenate([[mean_s], gaps_s])
    return np.cumsum(before_s[rows] / (mean_s * rate_per_s))

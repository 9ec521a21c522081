"""Arrivals of a trace whose rows keep their own."""

import numpy as np

from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.requests import FloatArray, IntArray


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

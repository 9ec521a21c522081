"""How long a queue takes: not one number, but a quantile of it.

Chiron's waiting time is `pending * prompt time + pending tokens / (decode throughput * instances)`
with the mean length of past requests. Here the pending tokens are a sum of predictions, whose
spread is known as well; such a sum is near normal (Patke et al. 2025, arXiv 2501.08090).
"""

from statistics import NormalDist

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.demand import TokenDemand

_NORMAL = NormalDist()
"""Of mean 0 and standard deviation 1: its quantiles count deviations."""


def deviations_of(level: float) -> float:
    """Standard deviations above the mean that a normal sum stays under with this probability.

    Args:
        level: Probability with which the result is not exceeded, in (0, 1).
    """
    return _NORMAL.inv_cdf(level)


def tokens_quantile(demand: TokenDemand, level: float) -> float:
    """The tokens that a demand stays at or under with probability `level`, at least 0.

    Grows with every request that joins for any level of at least 0.5.

    Args:
        demand: Sum over requests whose lengths are independent.
        level: Probability with which the result is not exceeded, in (0, 1).
    """
    return max(0.0, demand.mean_tokens + deviations_of(level) * demand.sd_tokens)


def work_s(demand: TokenDemand, capacity: InstanceCapacity, batch: int, level: float) -> float:
    """Seconds that one instance alone is busy with a demand, at a quantile.

    Args:
        demand: Requests to serve, running ones' rest included.
        capacity: Times of the instance's decoding steps and of its prefill.
        batch: Requests that it runs at once, at least 1.
        level: Probability with which the result is not exceeded, in (0, 1).
    """
    decode_s = tokens_quantile(demand, level) / capacity.decode_tokens_per_s(batch)
    return decode_s + capacity.prefill_s(demand.input_tokens)

"""One policy against first come, first served, on the same requests."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from serving_sim.result import SimulationResult

QUARTER = 0.25
"""Share of the completions at which SSJF's authors count the throughput."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a policy changes, over several runs.

    Args:
        jct_reduction: Of the mean completion time, as a share: the mean over the runs.
        jct_reduction_sem: Standard error of that mean; 0 with one run.
        throughput_ratio: At the first quarter of the completions, as SSJF's authors count it.
        p99_ratio: Of the 99th percentile of the completion times.
        max_wait_ratio: Of the longest wait for a first token.
    """

    jct_reduction: float
    jct_reduction_sem: float
    throughput_ratio: float
    p99_ratio: float
    max_wait_ratio: float

    @classmethod
    def from_runs(
        cls, policy: Sequence[SimulationResult], fcfs: Sequence[SimulationResult]
    ) -> "Comparison":
        """Run by run: both served the same requests in each."""
        pairs = list(zip(policy, fcfs, strict=True))
        reductions = np.array([1 - a.jct_s.mean() / b.jct_s.mean() for a, b in pairs])

        def mean_ratio(ratios: Sequence[float]) -> float:
            return float(np.mean(ratios))

        return cls(
            float(reductions.mean()),
            float(reductions.std(ddof=1) / len(pairs) ** 0.5) if len(pairs) > 1 else 0.0,
            mean_ratio([quarter_throughput(a) / quarter_throughput(b) for a, b in pairs]),
            mean_ratio([_p99(a) / _p99(b) for a, b in pairs]),
            mean_ratio([float(a.ttft_s.max() / b.ttft_s.max()) for a, b in pairs]),
        )

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)


def quarter_throughput(result: SimulationResult) -> float:
    """Completions per second, from time 0 to a quarter of the completions (Qiu et al. 2024)."""
    ends_s = np.sort(result.completed_s)
    place = int(QUARTER * (len(ends_s) - 1))
    return float(place / ends_s[place])


def _p99(result: SimulationResult) -> float:
    return float(np.percentile(result.jct_s, 99))

"""What a policy gives at a load: means over seeds, with confidence intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from serving_sim.experiment import Run
from serving_sim.result import SimulationResult, Summary

SHORT_SHARE, LONG_SHARE = 0.5, 0.2
"""The shorter half and the longest fifth of the requests, which are reported apart."""

CONFIDENCE = 0.95
"""Level of the intervals over seeds."""

CURVE_LEVELS = tuple(i / 50 for i in range(51))
"""Levels of the quantiles that a curve of completion times is drawn through."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds and its 95 % confidence interval; none with one seed.

    Args:
        mean: Mean over the seeds, in the unit of what was averaged.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def from_values(cls, values: Sequence[float]) -> "Interval":
        """By Student's t."""
        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(mean, mean, mean)
        error = float(np.std(values, ddof=1)) / len(values) ** 0.5
        half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
        return cls(mean, mean - half, mean + half)


@dataclass(frozen=True, slots=True)
class PolicyAtLoad:
    """One policy at one load; times in seconds.

    Args:
        policy: Its name, the same as in the runs' summaries.
        load: Over what the engine can serve.
        rate_per_s: Requests per second that arrived, mean over the seeds.
        mean_jct_s: Mean job completion time, from arrival to the last token.
        p50_jct_s: Median of the completion times.
        p90_jct_s: 90th percentile of the completion times.
        p99_jct_s: 99th percentile of the completion times.
        mean_ttft_s: Mean time to first token.
        max_wait_s: Longest wait for a first token.
        tokens_per_s: Tokens generated per second, from the first arrival to the last completion.
        mean_s_per_token: Completion time over output tokens.
        short_jct_s: Mean of the shorter half of the jobs.
        long_jct_s: Mean of the longest fifth.
        curve_s: Quantiles of the completion times at CURVE_LEVELS, over all seeds.
    """

    policy: str
    load: float
    rate_per_s: float
    mean_jct_s: Interval
    p50_jct_s: Interval
    p90_jct_s: Interval
    p99_jct_s: Interval
    mean_ttft_s: Interval
    max_wait_s: Interval
    tokens_per_s: Interval
    mean_s_per_token: Interval
    short_jct_s: Interval
    long_jct_s: Interval
    curve_s: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Seed:
    """What is kept of a run: the log itself would be too much."""

    summary: Summary
    rate_per_s: float
    short_jct_s: float
    long_jct_s: float
    curve_s: tuple[float, ...]

    @classmethod
    def from_run(cls, run: Run) -> "_Seed":
        result = run.result
        rate_per_s = (len(result.requests) - 1) / max(result.requests.span_s, 1e-9)
        short_s, long_s = _by_length(result)
        curve_s = tuple(np.quantile(result.jct_s, CURVE_LEVELS).tolist())
        return cls(run.summary, rate_per_s, short_s, long_s, curve_s)


def by_policy_and_load(runs: Iterable[Run]) -> list[PolicyAtLoad]:
    """Group runs by load and policy."""
    seeds = [_Seed.from_run(run) for run in runs]
    keys = dict.fromkeys((seed.summary.load or 0.0, seed.summary.policy) for seed in seeds)
    return [
        _policy_at_load(load, policy, [s for s in seeds if _key(s) == (load, policy)])
        for load, policy in keys
    ]


def _key(seed: _Seed) -> tuple[float, str]:
    return seed.summary.load or 0.0, seed.summary.policy


def _policy_at_load(load: float, policy: str, seeds: Sequence[_Seed]) -> PolicyAtLoad:
    def interval(name: str) -> Interval:
        return Interval.from_values([getattr(seed.summary, name) for seed in seeds])

    return PolicyAtLoad(
        policy,
        load,
        float(np.mean([seed.rate_per_s for seed in seeds])),
        mean_jct_s=interval("mean_jct_s"),
        p50_jct_s=interval("p50_jct_s"),
        p90_jct_s=interval("p90_jct_s"),
        p99_jct_s=interval("p99_jct_s"),
        mean_ttft_s=interval("mean_ttft_s"),
        max_wait_s=interval("max_wait_s"),
        tokens_per_s=interval("tokens_per_s"),
        mean_s_per_token=interval("mean_s_per_token"),
        short_jct_s=Interval.from_values([seed.short_jct_s for seed in seeds]),
        long_jct_s=Interval.from_values([seed.long_jct_s for seed in seeds]),
        curve_s=tuple(np.mean([seed.curve_s for seed in seeds], axis=0).tolist()),
    )


def _by_length(result: SimulationResult) -> tuple[float, float]:
    outputs = result.requests.output_tokens
    short = outputs <= np.quantile(outputs, SHORT_SHARE)
    long = outputs >= np.quantile(outputs, 1 - LONG_SHARE)
    return float(result.jct_s[short].mean()), float(result.jct_s[long].mean())


def rate_within(rows: Sequence[PolicyAtLoad], policy: str, limit_s: float) -> float | None:
    """The highest rate with a mean completion time within a limit, between loads tried.

    Returns:
        Requests per second; None if the limit is exceeded at the lowest load. If it never is, the
        highest rate tried.
    """
    curve = sorted((row.rate_per_s, row.mean_jct_s.mean) for row in rows if row.policy == policy)
    if curve[0][1] > limit_s:
        return None
    last = curve[0]
    for rate, mean_s in curve[1:]:
        if mean_s > limit_s:
            share = (limit_s - last[1]) / (mean_s - last[1])
            return last[0] + share * (rate - last[0])
        last = (rate, mean_s)
    return last[0]

"""What Lengthwise in the engine core costs and orders, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import Spread, percentile, ratio_spread
from benchmarks.harness.table import Column, Row, Table

PLAIN, NOW, BEFORE = "plain", "Lengthwise", "Lengthwise before"
ALONE = "Lengthwise, no predictor"
"""Nobody listens where it asks: the plugin's cost without the predictor's share of the cores."""

WAITED_S = 0.1
"""Who waited less could hardly have been ordered by anything."""

RESAMPLED = 2_000
"""Draws of the turns, for the interval of a difference of quantiles."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of requests that came at once.

    Args:
        waited: Those that got no token within WAITED_S, less those that found a free slot: these
            never stood in the queue.
        predicted: Those that had a prediction when they were ordered.
    """

    waited: int
    predicted: int

    @property
    def share(self) -> float:
        """Of those that waited; at most 1, since a few that did not may have been predicted."""
        return min(1.0, self.predicted / self.waited) if self.waited else 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the engines gave, by the engine's name.

    Args:
        ttft_ms: To the first token of single requests, in milliseconds.
        bursts: What became of each burst; of the plain engine none are asked.
        tokens_per_s: With all slots taken, round by round, of the plain engine, of today's, and of
            today's without a predictor.
        step_us: What ordering took of a step on average, in microseconds.
    """

    ttft_ms: dict[str, list[float]]
    bursts: dict[str, list[Burst]]
    tokens_per_s: dict[str, list[float]]
    step_us: float


def engine_core_report(command: str, measured: Measured) -> Report:
    """What it costs an idle engine and how much of a burst it orders."""
    plain_ms = measured.ttft_ms[PLAIN]
    idle: list[Row] = [
        {
            "engine": kind,
            "p50": percentile(ms, 0.5),
            "p95": percentile(ms, 0.95),
            "added_p50": _added(ms, plain_ms, 0.5),
            "added_p95": _added(ms, plain_ms, 0.95),
        }
        for kind, ms in measured.ttft_ms.items()
    ]
    bursts: list[Row] = [
        {
            "engine": kind,
            "waited": sum(one.waited for one in found),
            "predicted": sum(one.predicted for one in found),
            "share": _share(found),
        }
        for kind, found in measured.bursts.items()
    ]
    idle_columns = [
        Column("engine", "engine"),
        Column("p50", "p50, ms", "{:.1f}"),
        Column("p95", "p95, ms", "{:.1f}"),
        Column("added_p50", "added at p50", "{:+.1f}", with_range=True),
        Column("added_p95", "added at p95", "{:+.1f}", with_range=True),
    ]
    burst_columns = [
        Column("engine", "engine"),
        Column("waited", f"waited {WAITED_S:g} s or more"),
        Column("predicted", "ordered by a prediction"),
        Column("share", "share", "{:.0%}"),
    ]
    throughput = ratio_spread(measured.tokens_per_s[NOW], measured.tokens_per_s[PLAIN])
    full: list[Row] = [
        {"engine": PLAIN, "rate": Spread.from_values(measured.tokens_per_s[PLAIN])},
        *(
            {
                "engine": kind,
                "rate": Spread.from_values(measured.tokens_per_s[kind]),
                "ratio": ratio_spread(measured.tokens_per_s[kind], measured.tokens_per_s[PLAIN]),
            }
            for kind in (NOW, ALONE)
        ),
    ]
    full_columns = [
        Column("engine", "engine"),
        Column("rate", "tokens/s", "{:,.1f}"),
        Column("ratio", "of plain's", "{:.3f}", with_range=True),
    ]
    now_ms = measured.ttft_ms[NOW]
    aims = [
        Aim("added to an idle engine's first token, p50", _added(now_ms, plain_ms, 0.5), at_most=1),
        Aim("the same, p95", _added(now_ms, plain_ms, 0.95), at_most=3),
        Aim("of a burst ordered by a prediction", _share(measured.bursts[NOW]), at_least=0.95),
        Aim("throughput of plain vLLM's", throughput, at_least=0.995, form="{:.3f}"),
    ]
    tables = [
        Table("first_token", "Time to the first token of an idle engine", idle_columns, idle),
        Table("bursts", "Requests that came at once", burst_columns, bursts),
        Table("throughput", "With all slots taken", full_columns, full),
        aims_table(aims),
    ]
    notes = [
        "Three real vLLMs stand side by side and take turns; engines, predictor and client share "
        "the cores. Settings are the defaults.",
        f"First tokens: {len(plain_ms)} turns; what is added with its 95 % interval, by resampling "
        "the turns.",
        f"Ordering took {measured.step_us:.0f} us of a step of the engine on average, with what "
        "requests that came and ended took.",
    ]
    return Report("vllm_engine_core", command, tables, notes)


def _added(ms: list[float], plain_ms: list[float], level: float) -> Spread:
    """What a quantile is later than plain vLLM's, with its 95 % interval by resampling turns."""
    shift = percentile(ms, level) - percentile(plain_ms, level)
    drawn = bootstrap(
        (ms, plain_ms),
        lambda own, plain, axis: (
            np.quantile(own, level, axis=axis) - np.quantile(plain, level, axis=axis)
        ),
        paired=True,
        n_resamples=RESAMPLED,
        method="percentile",
        rng=0,
    ).confidence_interval
    return Spread(shift, float(drawn.low), float(drawn.high))


def _share(bursts: Sequence[Burst]) -> float:
    waited = sum(burst.waited for burst in bursts)
    predicted = sum(min(burst.waited, burst.predicted) for burst in bursts)
    return predicted / waited if waited else 0.0

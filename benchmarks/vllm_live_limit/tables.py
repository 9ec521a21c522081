"""What the runs gave: the live limit beside fixed ones, phase by phase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.spread import Spread, percentile, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.vllm_live_limit.outcome import PhaseResult
from benchmarks.vllm_live_limit.phases import FIXED, LIVE, SETTINGS, Setting

WITHIN = 0.95
"""Of the best fixed limit of each phase: what is to be reached without knowing it."""


@dataclass(frozen=True, slots=True)
class Run:
    """All phases under one setting.

    Args:
        seed: Of the requests.
        setting: A fixed limit or a live one.
        results: By the name of the phase.
        limit_us: What the live limit took of each step, in microseconds.
    """

    seed: int
    setting: Setting
    results: Mapping[str, PhaseResult]
    limit_us: Sequence[float]


def report_tables(runs: Sequence[Run]) -> list[Table]:
    """The aims, then all that was measured."""
    phases = list(runs[0].results)
    return [_aims(runs, phases), _phases(runs, phases), _cost(runs)]


def _results(runs: Sequence[Run], phase: str, setting: Setting) -> list[PhaseResult]:
    """Of one phase under one setting, by seed."""
    return [run.results[phase] for run in runs if run.setting == setting]


def _good(runs: Sequence[Run], phase: str, setting: Setting) -> list[float]:
    return [result.good_tokens_per_s for result in _results(runs, phase, setting)]


def best_fixed(runs: Sequence[Run], phase: str) -> Setting:
    """The fixed limit with the most tokens within the SLO, by the median of the seeds."""
    return max(FIXED, key=lambda setting: median(_good(runs, phase, setting)))


def _aims(runs: Sequence[Run], phases: Sequence[str]) -> Table:
    aims = [
        Aim(
            f"{phase}: tokens within the SLO, live over fixed {best_fixed(runs, phase).name}",
            ratio_spread(_good(runs, phase, LIVE), _good(runs, phase, best_fixed(runs, phase))),
            at_least=WITHIN,
            form="{:.2f}x",
        )
        for phase in phases
    ]
    return aims_table(aims)


def _phases(runs: Sequence[Run], phases: Sequence[str]) -> Table:
    rows: list[Row] = []
    for phase in phases:
        best = best_fixed(runs, phase)
        for setting in SETTINGS:
            results = _results(runs, phase, setting)
            rows.append(
                {
                    "phase": phase,
                    "limit": f"{setting.name}, the best" if setting == best else setting.name,
                    "attained": _spread([100 * one.attained for one in results]),
                    "good": _spread([one.good_tokens_per_s for one in results]),
                    "all": _spread([one.tokens_per_s for one in results]),
                    "gaps": _spread([100 * one.gaps_within for one in results]),
                    "ttft_s": _spread([one.ttft_s for one in results]),
                    "mean_limit": _spread([one.limit for one in results]),
                }
            )
    columns = (
        Column("phase", "phase"),
        Column("limit", "limit"),
        Column("attained", "requests within the SLO, %", "{:.1f}"),
        Column("good", "their tokens/s", "{:,.0f}", with_range=True),
        Column("all", "all tokens/s", "{:,.0f}"),
        Column("gaps", "gaps within the SLO, %", "{:.1f}"),
        Column("ttft_s", "median TTFT, s", "{:.1f}"),
        Column("mean_limit", "mean limit", "{:.0f}"),
    )
    return Table("phases", "Fixed limits and the live one, as the load moves", columns, rows)


def _cost(runs: Sequence[Run]) -> Table:
    taken_us = [us for run in runs for us in run.limit_us]
    rows: list[Row] = [
        {
            "mean": sum(taken_us) / len(taken_us),
            "p50": percentile(taken_us, 0.5),
            "p99": percentile(taken_us, 0.99),
        }
    ]
    columns = (
        Column("mean", "mean", "{:.1f}"),
        Column("p50", "p50", "{:.1f}"),
        Column("p99", "p99", "{:.1f}"),
    )
    return Table("cost", "What the limit takes of a step, microseconds", columns, rows)


def _spread(values: Sequence[float]) -> Spread:
    return Spread.from_values(values)

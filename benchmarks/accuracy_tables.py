"""The tables of `accuracy`."""

from collections.abc import Sequence
from typing import Any

from benchmarks.table import Column, Row, Table
from index_builder.evaluation.evaluation import ANOTHER_DRAW, CONSTANT, MEAN_OF_DRAWS, Evaluation
from index_builder.evaluation.metrics import LengthMetrics

Named = tuple[str, str, Evaluation]
"""A set, how it was kept apart or what was learnt, and the evaluation."""

PREDICTORS = {
    CONSTANT: "constant median",
    ANOTHER_DRAW: "another draw",
    MEAN_OF_DRAWS: "mean of draws",
}

POINT_COLUMNS = (
    Column("predictor", "by"),
    Column("rows", "rows", "{:,}"),
    Column("kendall_tau_b", "tau-b", "{:.3f}"),
    Column("spearman", "Spearman", "{:.3f}"),
    Column("mae", "MAE", "{:.1f}"),
    Column("median_ae", "med AE", "{:.1f}"),
    Column("within_50", "≤50", "{:.1%}"),
    Column("within_100", "≤100", "{:.1%}"),
)
INTERVAL_COLUMNS = (
    Column("coverage_50", "cov 50", "{:.1%}"),
    Column("coverage_90", "cov 90", "{:.1%}"),
    Column("width_90", "width 90", "{:,.0f}"),
    Column("mean_confidence", "confidence", "{:.1%}"),
    Column("within_factor_2", "in ×2", "{:.1%}"),
)


def within_table(found: Sequence[Named]) -> list[Table]:
    """Sets that were split: points and intervals."""
    title = "Built from four fifths of a set, asked about the rest"
    return _pair("within", title, [Column("set", "set")], found)


def across_table(found: Sequence[Named]) -> list[Table]:
    """Sets asked of an index of another set."""
    first = [Column("set", "asked about"), Column("how", "built from")]
    return _pair("across", "Built from one set, asked about another", first, found)


def _pair(name: str, title: str, first: list[Column], found: Sequence[Named]) -> list[Table]:
    points: list[Row] = []
    intervals: list[Row] = []
    for one in found:
        evaluation = one[2]
        shown = (evaluation.predictor, CONSTANT)
        points += [_point_row(one, predictor) for predictor in shown]
        intervals.append(_interval_row(one))
    columns = [Column("set", first[0].title), *POINT_COLUMNS]
    spans = [*first, *INTERVAL_COLUMNS]
    if len(first) == 1:
        spans = [*first, Column("how", "split"), *INTERVAL_COLUMNS]
    return [
        Table(name, title, columns, points),
        Table(f"{name}_intervals", f"{title}: intervals", spans, intervals),
    ]


def draws_table(found: Sequence[Named]) -> list[Table]:
    """What the LLM's own chance allows, where the sets hold several draws of it."""
    rows: list[Row] = []
    for one in found:
        names = [name for name in (ANOTHER_DRAW, MEAN_OF_DRAWS) if name in one[2].metrics]
        rows += [_point_row(one, name) for name in names]
    if not rows:
        return []
    columns = [Column("set", "set"), *POINT_COLUMNS]
    return [Table("ceiling", "The ceiling: the LLM's other answers to the prompt", columns, rows)]


def _point_row(one: Named, predictor: str) -> Row:
    name, how, evaluation = one
    metrics: LengthMetrics = evaluation.metrics[predictor]
    label = PREDICTORS.get(predictor, "Lengthwise")
    values: dict[str, Any] = metrics.to_dict()
    return {"set": name, "how": how, "predictor": label, **values}


def _interval_row(one: Named) -> Row:
    name, how, evaluation = one
    metrics = evaluation.metrics[evaluation.predictor]
    return {
        "set": name,
        "how": how,
        "coverage_50": metrics.coverage_50,
        "coverage_90": metrics.coverage_90,
        "width_90": metrics.width_90,
        "mean_confidence": evaluation.mean_confidence,
        "within_factor_2": evaluation.within_factor_2,
        "seen_prompts": evaluation.seen_prompts,
        "censored_rows": evaluation.censored_rows,
    }

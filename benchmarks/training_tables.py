"""The tables of `training`."""

from collections.abc import Sequence

from benchmarks.accuracy_tables import INTERVAL_COLUMNS, POINT_COLUMNS, Named
from benchmarks.table import Column, Row, Table
from index_builder.cli.tables import NAMES

CostRow = tuple[str, int, int, float | None, tuple[float, ...]]
"""A case, rows, rows learnt from before, seconds or None, validation tau-b after each pass."""


def points_table(found: Sequence[Named]) -> Table:
    """Every predictor's points on every set."""
    rows: list[Row] = [
        {"set": name, "predictor": NAMES.get(predictor, predictor), **metrics.to_dict()}
        for name, _, evaluation in found
        for predictor, metrics in evaluation.metrics.items()
    ]
    columns = [
        Column("set", "set"),
        *POINT_COLUMNS,
        Column("class_accuracy", "5 classes", "{:.1%}"),
        Column("shortest_first_gain", "SJF", "{:.1%}"),
    ]
    note = (
        "SJF: of what an order by the true lengths takes off the mean wait in a burst, how much an "
        "order by these takes off; `shortest_first_gain` in the JSON of evaluate."
    )
    title = "Trained on the history, asked about rows apart"
    return Table("trained", title, columns, rows, (note,))


def spans_table(found: Sequence[Named]) -> Table:
    """Intervals of the served predictor, over all rows and by decile of the predicted length."""
    columns = [
        Column("set", "set"),
        *INTERVAL_COLUMNS,
        Column("lowest_decile", "lowest decile", "{:.1%}"),
        Column("highest_decile", "highest decile", "{:.1%}"),
    ]
    return Table("trained_intervals", "Intervals", columns, [_span(one) for one in found])


def away_table(found: Sequence[Named]) -> Table:
    """Sets that nothing was learnt for."""
    columns = [
        Column("set", "asked about"),
        Column("how", "trained on"),
        Column("kendall_tau_b", "tau-b", "{:.3f}"),
        *INTERVAL_COLUMNS,
    ]
    return Table(
        "away", "Asked about what it was not trained on", columns, [_span(o) for o in found]
    )


def cost_table(found: Sequence[CostRow]) -> Table:
    """What training took, and how validation rows were ordered after each pass."""
    columns = [
        Column("set", "set"),
        Column("rows", "rows", "{:,}"),
        Column("first_rows", "rows before", "{:,}"),
        Column("build_s", "train and build, s", "{:,.0f}"),
        Column("taus", "validation tau-b after each pass"),
    ]
    rows: list[Row] = [
        {
            "set": name,
            "rows": count,
            "first_rows": first,
            "build_s": seconds,
            "taus": ", ".join(f"{tau:.3f}" for tau in taus),
        }
        for name, count, first, seconds, taus in found
    ]
    note = "A dash: trained by an earlier run with the same seed, and only indexed again."
    return Table("training_cost", "What training took", columns, rows, (note,))


def _span(one: Named) -> Row:
    name, how, evaluation = one
    metrics = evaluation.metrics[evaluation.predictor]
    deciles = [share for share in evaluation.coverage_90_by_decile if share is not None]
    return {
        "set": name,
        "how": how,
        "kendall_tau_b": metrics.kendall_tau_b,
        "coverage_50": metrics.coverage_50,
        "coverage_90": metrics.coverage_90,
        "width_90": metrics.width_90,
        "mean_confidence": evaluation.mean_confidence,
        "within_factor_2": evaluation.within_factor_2,
        "lowest_decile": min(deciles, default=None),
        "highest_decile": max(deciles, default=None),
    }

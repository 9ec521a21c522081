"""The tables of `distillation`."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.distillation.sizes import FULL
from benchmarks.distillation.timed import Timed
from benchmarks.harness.aims import Aim
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from index_builder.evaluation.evaluation import Evaluation
from index_builder.evaluation.metrics import LengthMetrics

MIB = 2**20


@dataclass(frozen=True, slots=True)
class SizeFound:
    """What came of one size of the encoder.

    Args:
        name: On the command line and in the tables.
        evaluation: Of the rows asked about.
        timed: What the rounds gave.
        memory_mib: The most that a process held which served it.
        artifact_bytes: Of all files of the index.
        unlabelled: Prompts without a length that it learnt from; None: it is no student.
        build_s: Teaching, encoding and indexing together; None if it was found.
    """

    name: str
    evaluation: Evaluation
    timed: Timed
    memory_mib: float
    artifact_bytes: int
    unlabelled: int | None
    build_s: float | None

    @property
    def served(self) -> LengthMetrics:
        """Of the predictions as they are served."""
        return self.evaluation.metrics[self.evaluation.predictor]

    @property
    def tau_b(self) -> float:
        """Kendall tau-b of these, 0 where there were too few rows."""
        return self.served.kendall_tau_b or 0.0


def accuracy_table(found: Sequence[SizeFound]) -> Table:
    """Right order, right number, right interval, by size."""
    full = _full(found)
    rows: list[Row] = []
    for one in found:
        metrics = one.evaluation.metrics
        rows.append(
            {
                "size": one.name,
                **one.served.to_dict(),
                "lost": full.tau_b - one.tau_b,
                "head": metrics["head_alone"].kendall_tau_b,
                "neighbours": metrics["neighbours_alone"].kendall_tau_b,
                "unlabelled": one.unlabelled,
                "confidence": one.evaluation.mean_confidence,
                "within_factor_2": one.evaluation.within_factor_2,
            }
        )
    columns = [
        Column("size", "encoder"),
        Column("unlabelled", "without length", "{:,}"),
        Column("kendall_tau_b", "tau-b", "{:.3f}"),
        Column("lost", "lost", "{:+.3f}"),
        Column("mae", "MAE", "{:.1f}"),
        Column("coverage_90", "cov 90", "{:.1%}"),
        Column("width_90", "width 90", "{:,.0f}"),
        Column("within_factor_2", "in ×2", "{:.1%}"),
        Column("head", "head", "{:.3f}"),
        Column("neighbours", "near", "{:.3f}"),
    ]
    note = (
        "without length: prompts learnt from besides the history's. lost: tau-b of the full "
        "encoder less this one's. The last two columns are the tau-b of the head and of the near "
        "rows, each alone."
    )
    return Table("distilled", "Rows asked about, by size of the encoder", columns, rows, (note,))


def speed_table(found: Sequence[SizeFound]) -> Table:
    """Predictions per second, one prompt's time, memory and size, by size of the encoder."""
    full = _full(found)
    rows: list[Row] = [
        {
            "size": one.name,
            "rate": Spread.from_values(one.timed.rates),
            "times": ratio_spread(one.timed.rates, full.timed.rates),
            "encode_times": ratio_spread(one.timed.encoded, full.timed.encoded),
            "p50_ms": Spread.from_values(one.timed.p50_ms),
            "p50_times": ratio_spread(one.timed.p50_ms, full.timed.p50_ms),
            "memory_mib": one.memory_mib,
            "artifact_mib": one.artifact_bytes / MIB,
            "build_s": one.build_s,
        }
        for one in found
    ]
    columns = [
        Column("size", "encoder"),
        Column("rate", "predictions/s", "{:,.0f}"),
        Column("times", "of full", "{:.1f}×", with_range=True),
        Column("encode_times", "encoding", "{:.1f}×"),
        Column("p50_ms", "p50, ms", "{:.2f}"),
        Column("p50_times", "of full", "{:.2f}×"),
        Column("memory_mib", "MiB", "{:,.0f}"),
        Column("artifact_mib", "on disk", "{:,.0f}"),
        Column("build_s", "teach, s", "{:,.0f}"),
    ]
    notes = (
        "predictions/s: batches of 32, encoded, searched and estimated; encoding: how many times "
        "as fast that part alone is. p50: of one prompt alone. MiB: the most that a process held "
        "which loaded the index and predicted.",
    )
    return Table("distilled_speed", "Speed and memory, by size", columns, rows, notes)


def distillation_aims(found: Sequence[SizeFound]) -> list[Aim]:
    """What each size is to reach: the smallest with layers, and the static one."""
    full, by_name = _full(found), {one.name: one for one in found}
    aims: list[Aim] = []
    layered = [(name, 3, 0.005) for name in ("3 layers", "2 layers", "2 pooled", "2 narrow")]
    for name, times, lost in (*layered, ("static", 10, 0.02)):
        one = by_name.get(name)
        if one is None:
            continue
        ratio = ratio_spread(one.timed.rates, full.timed.rates)
        aims += [
            Aim(f"predictions/s of the full one's, {name}", ratio, at_least=times, form="{:.1f}"),
            Aim(f"tau-b lost, {name}", full.tau_b - one.tau_b, at_most=lost, form="{:.3f}"),
        ]
    return aims


def _full(found: Sequence[SizeFound]) -> SizeFound:
    return next(one for one in found if one.name == FULL)

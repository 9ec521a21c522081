"""The tables of the cascade."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cascade.timing import BATCH, Timed
from benchmarks.harness.aims import Aim
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from index_builder.evaluation.evaluation import Evaluation
from lengthwise.index.index import LengthIndex

AIMED = {0.005: (3.0, 0.005), 0.015: (10.0, 0.02)}
"""For some allowed losses how many times as fast an index is to be, and what it may lose in tau-b,
both beside the full encoder, of which a student has lost some already."""

AIMED_COVERAGE_AT = 0.005
"""The allowed loss at which each tier's intervals have aims."""


@dataclass(frozen=True, slots=True)
class Tiered:
    """One index and how it did.

    Args:
        allowed: Loss in tau-b that its first tier was allowed; None without a first tier.
        index: As it is loaded.
        evaluation: Of rows that neither tier has seen.
        timed: Its rounds.
        is_full: It is the encoder that the indexed one learnt from.
    """

    allowed: float | None
    index: LengthIndex
    evaluation: Evaluation
    timed: Timed = field(default_factory=Timed)
    is_full: bool = False

    @property
    def tau_b(self) -> float:
        """Of the rows asked about."""
        return self.evaluation.metrics[self.evaluation.predictor].kendall_tau_b or 0.0

    @property
    def name(self) -> str:
        """The allowed loss, for people."""
        if self.is_full:
            return "full encoder"
        return "no first tier" if self.allowed is None else f"{self.allowed:g}"

    @property
    def words(self) -> str:
        """What others are compared with, in a sentence."""
        return "the full encoder" if self.is_full else "without a first tier"

    @property
    def first_share(self) -> float:
        """Share of the rows asked about that the first tier answered."""
        first = self.evaluation.by_tier.get("first")
        return 0.0 if first is None else first.share


def loss_table(beside: Tiered, others: Sequence[Tiered]) -> Table:
    """What each allowed loss brings.

    Args:
        beside: What the others are compared with.
        others: With a first tier, and the same encoder without where that is not `beside`.
    """
    columns = [
        Column("allowed", "allowed loss"),
        Column("share", "answered first", "{:.0%}"),
        Column("tau_b", "tau-b", "{:.3f}"),
        Column("lost", "lost", "{:+.4f}"),
        Column("mae", "MAE", "{:.1f}"),
        Column("coverage_90", "cov90", "{:.1%}"),
        Column("stated_share", "stated share", "{:.0%}"),
        Column("stated_loss", "stated loss"),
        Column("rate", "times as fast", "{:.2f}", with_range=True),
        Column("p50", "ms alone, p50", "{:.2f}"),
    ]
    rows = [_loss_row(one, beside) for one in (beside, *others)]
    title = "A first tier before a trained index, asked about a held-out fifth"
    note = (
        f"Times as fast: predictions/s in batches of {BATCH} mixed prompts, over those of the "
        "first row. Lost: of its tau-b on all rows asked about, both tiers together."
    )
    return Table("cascade", title, columns, rows, (note,))


def _loss_row(one: Tiered, beside: Tiered) -> Row:
    metrics = one.evaluation.metrics[one.evaluation.predictor]
    facts = one.index.manifest.first_tier if one.allowed is not None else None
    return {
        "allowed": one.name,
        "share": one.first_share,
        "tau_b": one.tau_b,
        "lost": beside.tau_b - one.tau_b,
        "mae": metrics.mae,
        "coverage_90": metrics.coverage_90,
        "stated_share": None if facts is None else facts.share,
        "stated_loss": "" if facts is None else f"{facts.loss:+.4f} ± {facts.loss_error:.4f}",
        "rate": ratio_spread(one.timed.rates, beside.timed.rates),
        "p50": Spread.from_values(one.timed.p50_ms).median,
    }


def tier_table(tiered: Sequence[Tiered]) -> Table:
    """Each tier on the rows that it answered."""
    columns = [
        Column("allowed", "allowed loss"),
        Column("tier", "tier"),
        Column("share", "share", "{:.0%}"),
        Column("kendall_tau_b", "tau-b", "{:.3f}"),
        Column("mae", "MAE", "{:.1f}"),
        Column("coverage_90", "cov90", "{:.1%}"),
        Column("mean_confidence", "confidence", "{:.1%}"),
        Column("within_factor_2", "within 2x", "{:.1%}"),
    ]
    rows: list[Row] = [
        {"allowed": one.name, "tier": tier, **accuracy.to_dict()}
        for one in tiered
        for tier, accuracy in one.evaluation.by_tier.items()
    ]
    return Table("cascade_tiers", "Each tier on the rows that it answered", columns, rows)


def repeats_table(by_text_us: float, by_search_us: float) -> Table:
    """What it takes to tell a prompt that was asked before."""
    columns = [Column("how", "told by"), Column("us", "µs a prompt", "{:,.1f}")]
    rows: list[Row] = [
        {"how": "its text: a digest, looked up", "us": by_text_us},
        {"how": "a search, its vector being there", "us": by_search_us},
    ]
    return Table("cascade_repeats", "Telling an exact repeat", columns, rows)


def tier_aims(beside: Tiered, tiered: Sequence[Tiered]) -> list[Aim]:
    """What was to be reached at the losses that have an aim."""
    aims: list[Aim] = []
    for one in tiered:
        if one.allowed is None or one.allowed not in AIMED:
            continue
        times, loss = AIMED[one.allowed]
        rate, at = ratio_spread(one.timed.rates, beside.timed.rates), f"at {one.name}"
        aims += [
            Aim(f"times as fast as {beside.words}, {at}", rate, at_least=times),
            Aim(f"tau-b lost, {at}", beside.tau_b - one.tau_b, at_most=loss, form="{:.4f}"),
        ]
        if one.allowed == AIMED_COVERAGE_AT:
            aims += _coverage_aims(one)
    return aims


def _coverage_aims(one: Tiered) -> list[Aim]:
    aims: list[Aim] = []
    for tier, found in one.evaluation.by_tier.items():
        covered = found.coverage_90 or 0.0
        aims += [
            Aim(f"coverage, {tier} tier", covered, at_least=0.88, form="{:.1%}"),
            Aim("the same, not too wide", covered, at_most=0.92, form="{:.1%}"),
        ]
    return aims

"""What the commands print for people."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table

from index_builder.evaluation.evaluation import PREDICTOR_NAMES, Evaluation
from index_builder.evaluation.metrics import LengthMetrics
from lengthwise.index.store.manifest import FirstTierFacts, Manifest, StudentFacts, TrainingFacts
from lengthwise.index.summary import ModelSummary

COLUMNS = (
    ("tau-b", "kendall_tau_b", "{:.3f}"),
    ("MAE", "mae", "{:.1f}"),
    ("≤50", "within_50", "{:.0%}"),
    ("≤100", "within_100", "{:.0%}"),
    ("cov50", "coverage_50", "{:.1%}"),
    ("cov90", "coverage_90", "{:.1%}"),
    ("w90", "width_90", "{:.0f}"),
    ("cls5", "class_accuracy", "{:.0%}"),
)
"""Narrow enough for a terminal of 80 columns; the JSON has the rest."""


def _cell(metrics: LengthMetrics, name: str, form: str) -> str:
    value = getattr(metrics, name)
    return "-" if value is None else form.format(value)


def evaluation_table(evaluation: Evaluation) -> Table:
    """Predictors side by side; the last rows are the ceiling that the LLM's own chance sets."""
    rows = evaluation.metrics[evaluation.predictor].rows
    table = Table(
        title=f"{rows:,} rows, lengths in tokens",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # so that all columns fit into 80 characters
    )
    table.add_column("predictor", no_wrap=True)
    for title, _, _ in COLUMNS:
        table.add_column(title, justify="right")
    for name, metrics in evaluation.metrics.items():
        label = PREDICTOR_NAMES.get(name, name) + (
            " (served)" if name == evaluation.predictor else ""
        )
        table.add_row(label, *(_cell(metrics, column, form) for _, column, form in COLUMNS))
    return table


def evaluation_notes(evaluation: Evaluation) -> list[str]:
    """What must be known to read the table."""
    notes = [
        f"Protocol: {evaluation.protocol}.",
        "≤50: share within 50 tokens; cov90: share inside the 90 % interval, of mean width w90; "
        "cls5: share in the right one of five length classes.",
        f"Confidence {evaluation.mean_confidence:.1%} on average; "
        f"{evaluation.within_factor_2:.1%} were within a factor of two.",
    ]
    if evaluation.censored_rows:
        notes.append(f"{evaluation.censored_rows:,} censored rows left out.")
    if evaluation.missing_baselines:
        notes.append(f"{evaluation.missing_baselines}.")
    if evaluation.seen_prompts:
        notes.append(f"{evaluation.seen_prompts:,} of the prompts are in the index itself.")
    return notes


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """The table of predictors, and under it what must be known to read it."""
    console.print(evaluation_table(evaluation))
    if evaluation.by_tier:
        console.print(tiers_table(evaluation))
    for note in evaluation_notes(evaluation):
        console.print(note, highlight=False)


def manifest_table(manifest: Manifest) -> Table:
    """What an artifact says of itself."""
    created = datetime.fromtimestamp(manifest.created_unix_s, UTC)
    search = manifest.search
    how = "exact"
    if search.kind != "flat":
        how = (
            f"{search.probes} of {search.cells} cells, "
            f"measured recall@32 {search.measured_recall:.1%}"
        )
    table = Table(
        show_header=False, box=box.SIMPLE, title=f"Index {manifest.version}", title_justify="left"
    )
    for name, value in (
        ("rows", f"{manifest.rows:,} ({manifest.skipped_rows:,} skipped)"),
        ("encoder", f"{manifest.encoder.name} ({manifest.encoder.dimension} dimensions)"),
        ("encoder hash", manifest.encoder.content_hash[:16]),
        ("training", _training(manifest.training)),
        ("first tier", _first_tier(manifest.first_tier)),
        ("search", f"{search.kind}: {how}"),
        ("metric", manifest.metric),
        ("quantile levels", " ".join(f"{level:g}" for level in manifest.quantile_levels)),
        ("prompts kept", "yes" if manifest.keeps_text else "no"),
        ("data fingerprint", manifest.data_fingerprint[:16]),
        ("created", f"{created:%Y-%m-%d %H:%M:%S} UTC by {manifest.created_by}"),
        ("schema", str(manifest.schema_version)),
        ("size", f"{sum(f['bytes'] for f in manifest.files.values()) / 1e6:,.1f} MB"),
    ):
        table.add_row(name, value)
    return table


def _training(facts: TrainingFacts | None) -> str:
    if facts is None:
        return "none: the encoder as it is"
    before = f", after {facts.first_rows:,} of other LLMs" if facts.first_rows else ""
    before += f", from the index {facts.went_on_from}" if facts.went_on_from else ""
    return (
        f"{facts.rows:,} rows{before}; best pass {facts.best_epoch} of {facts.epochs}, "
        f"tau-b {facts.best_kendall_tau_b:.3f} on {facts.validation_rows:,} rows apart"
        f"{_student(facts.student)}"
    )


def _student(facts: StudentFacts | None) -> str:
    if facts is None:
        return ""
    size = f"{facts.layers} of its layers" if facts.layers else "a static encoder"
    size = f"{size}, the last for pooling" if facts.pooling_layer else size
    size = f"{size}, feed-forward {facts.feed_forward} wide" if facts.feed_forward else size
    return (
        f"; then {size}, learnt from it, {facts.unlabelled_rows:,} prompts without length among "
        f"the rows: tau-b {facts.kendall_tau_b:.3f}"
    )


def _first_tier(facts: FirstTierFacts | None) -> str:
    if facts is None:
        return "none: every prompt is encoded"
    return (
        f"answers {facts.share:.0%} of {facts.held_out_rows:,} rows apart at a loss in tau-b of "
        f"{facts.loss:.4f} ± {facts.loss_error:.4f}, allowed {facts.allowed_loss:g}"
    )


def tiers_table(evaluation: Evaluation) -> Table:
    """The tiers side by side."""
    table = Table(title="By the tier that answered", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("tier")
    for name in ("share", "tau-b", "MAE", "cov90", "confidence", "within 2x"):
        table.add_column(name, justify="right")
    for tier, found in evaluation.by_tier.items():
        table.add_row(
            tier,
            f"{found.share:.0%}",
            "-" if found.kendall_tau_b is None else f"{found.kendall_tau_b:.3f}",
            f"{found.mae:.1f}",
            "-" if found.coverage_90 is None else f"{found.coverage_90:.1%}",
            f"{found.mean_confidence:.1%}",
            f"{found.within_factor_2:.1%}",
        )
    return table


def models_table(models: Sequence[ModelSummary]) -> Table:
    """The LLMs in an index."""
    table = Table(title="LLMs", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("model")
    for name in ("rows", "median tokens", "p90 tokens"):
        table.add_column(name, justify="right")
    for m in models:
        table.add_row(
            m.model or "(not named)",
            f"{m.rows:,}",
            f"{m.median_tokens:,.0f}",
            f"{m.p90_tokens:,.0f}",
        )
    return table

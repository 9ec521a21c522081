"""One self-contained HTML page out of an evaluation's numbers and pictures."""

from collections.abc import Iterator

from index_builder.cli.tables import NAMES
from index_builder.evaluation.evaluation import Evaluation
from index_builder.evaluation.metrics import LengthMetrics
from index_builder.report.data import ReportData
from index_builder.report.sections import sections_of
from lengthwise.report.page_template import page_template
from lengthwise.report.style import PALETTE

COLUMNS = (
    ("rows", "rows", "{:,}"),
    ("tau-b", "kendall_tau_b", "{:.3f}"),
    ("Spearman", "spearman", "{:.3f}"),
    ("MAE", "mae", "{:.1f}"),
    ("median error", "median_ae", "{:.1f}"),
    ("within 50", "within_50", "{:.1%}"),
    ("within 100", "within_100", "{:.1%}"),
    ("50 % interval covers", "coverage_50", "{:.1%}"),
    ("90 % interval covers", "coverage_90", "{:.1%}"),
    ("its mean width", "width_90", "{:.0f}"),
    ("right class of 5", "class_accuracy", "{:.1%}"),
    ("of shortest first's gain", "shortest_first_gain", "{:.1%}"),
)
"""Heading, field of `LengthMetrics` and form of each column of the table."""

HEADLINE = (
    ("Kendall tau-b", "kendall_tau_b", "{:.3f}"),
    ("MAE, tokens", "mae", "{:.1f}"),
    ("within 50 tokens", "within_50", "{:.1%}"),
    ("within 100 tokens", "within_100", "{:.1%}"),
    ("in the 90 % interval", "coverage_90", "{:.1%}"),
    ("rows asked about", "rows", "{:,}"),
)


def render_page(data: ReportData) -> str:
    """The page: a line of figures, a table of all predictors, the pictures."""
    evaluation = data.evaluation
    served = evaluation.metrics[evaluation.predictor]
    return page_template("index_builder.report").render(
        palette=PALETTE,
        headline=[(title, _cell(served, name, form)) for title, name, form in HEADLINE],
        notes=list(_notes(evaluation)),
        columns=[title for title, _, _ in COLUMNS],
        table=[
            (NAMES.get(name, name), name == evaluation.predictor, _row(metrics))
            for name, metrics in evaluation.metrics.items()
        ],
        sections=sections_of(data),
    )


def _row(metrics: LengthMetrics) -> list[str]:
    return [_cell(metrics, name, form) for _, name, form in COLUMNS]


def _cell(metrics: LengthMetrics, name: str, form: str) -> str:
    value = getattr(metrics, name)
    return "–" if value is None else form.format(value).replace("%", " %")


def _notes(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """What must be known to read the figures: a heading and a text each."""
    yield "Protocol", evaluation.protocol
    if evaluation.index_version:
        yield "Index", evaluation.index_version
    yield (
        "Confidence",
        f"{100 * evaluation.mean_confidence:.1f} % stated on average, "
        f"{100 * evaluation.within_factor_2:.1f} % within a factor of two",
    )
    if evaluation.censored_rows:
        yield "Left out", f"{evaluation.censored_rows:,} rows whose answer was cut off"
    if evaluation.seen_prompts:
        yield "Known prompts", f"{evaluation.seen_prompts:,} of the prompts are in the index itself"
    if evaluation.missing_peers:
        yield "Not compared", evaluation.missing_peers

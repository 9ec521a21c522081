"""The pictures of a report in their order, each with a sentence that says how to read it."""

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from index_builder.report.calibration_curve import draw_calibration_curve, draw_interval_coverage
from index_builder.report.confidence import draw_confidence
from index_builder.report.data import ReportData
from index_builder.report.learning_curve import draw_learning_mae, draw_learning_tau
from index_builder.report.predicted_against_true import draw_predicted_against_true
from index_builder.report.predictors import draw_scores
from index_builder.report.remaining import draw_remaining_coverage, draw_remaining_error
from lengthwise.report.style import percent, svg_of


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture on the page.

    Args:
        title: What it shows.
        svg: The drawing.
        caption: How to read it, in a sentence.
    """

    title: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """Pictures that belong together."""

    title: str
    pictures: tuple[Picture, ...]


def sections_of(data: ReportData) -> tuple[Section, ...]:
    """All sections that there is something to draw for."""
    sections = (
        Section("Lengths", tuple(_lengths(data))),
        Section("Predictors side by side", tuple(_predictors(data))),
        Section("Are stated probabilities real?", tuple(_calibration(data))),
        Section("While an answer is being generated", tuple(_remaining(data))),
        Section("How much history is enough?", tuple(_learning(data))),
    )
    return tuple(section for section in sections if section.pictures)


def _picture(figure: Figure, name: str, title: str, caption: str) -> Picture:
    return Picture(title, svg_of(figure, name, title), caption)


def _lengths(data: ReportData) -> Iterator[Picture]:
    yield _picture(
        draw_predicted_against_true(data.predicted_against_true),
        *("lengths", "Predicted against true"),
        "The darker a cell, the more rows lie there; predictions are right on the dashed diagonal, "
        "and right on average where the orange line (the true median of rows with like "
        "predictions) follows it.",
    )
    yield _picture(
        draw_confidence(data.confidence),
        *("confidence", "Confidence"),
        "Points on the diagonal mean that a stated confidence is the share of rows within a factor "
        "of two of the prediction; the bars say how many rows state it.",
    )


def _predictors(data: ReportData) -> Iterator[Picture]:
    chance = (
        " Dashed: how well the LLM's own other answers to the prompt predict this one, which is "
        "about as much as any predictor can."
        if data.mae.ceilings
        else ""
    )
    yield _picture(
        draw_scores(data.kendall_tau_b, "Kendall tau-b, higher is better", "{:.3f}"),
        *("tau", "Order: Kendall tau-b"),
        f"How well each predictor puts answers in order of length; blue is what is served.{chance}",
    )
    yield _picture(
        draw_scores(data.mae, "MAE (tokens), lower is better", "{:.1f}"),
        *("mae", "Error: MAE"),
        f"How many tokens each predictor is off on average; blue is what is served.{chance}",
    )
    if data.kendall_tau_b_by_llm:
        yield _picture(
            draw_scores(data.kendall_tau_b_by_llm, "Kendall tau-b, higher is better", "{:.3f}"),
            *("llms", "Order, LLM by LLM"),
            "Kendall tau-b of the served predictor among each LLM's own answers; its rows are in "
            "brackets.",
        )


def _calibration(data: ReportData) -> Iterator[Picture]:
    yield _picture(
        draw_calibration_curve(data.calibration),
        *("levels", "Calibration curve"),
        "Points on the diagonal mean that answers stay under a quantile as often as it says; over "
        "it, stated lengths are too long. Bars are 95 % intervals.",
    )
    if data.interval:
        stated = percent(data.interval.stated)
        yield _picture(
            draw_interval_coverage(data.interval),
            *("interval", "Coverage by predicted length"),
            f"How often the {stated} interval holds the true length, for tenths of the rows from "
            f"the shortest predicted to the longest: bars start at the {stated} that is stated, so "
            "the shorter the better. Thin lines are 95 % intervals.",
        )


def _remaining(data: ReportData) -> Iterator[Picture]:
    yield _picture(
        draw_remaining_error(data.remaining),
        *("remaining-error", "Error of the remaining length"),
        "How far off the predicted rest of an answer is once so many tokens have come without an "
        "end: taking them into account (blue) against subtracting them (orange).",
    )
    yield _picture(
        draw_remaining_coverage(data.remaining),
        *("remaining-coverage", "Coverage of the remaining length"),
        "How often the 90 % interval of what remains holds what did remain; on the dashed line it "
        "does so as often as stated. Bars are 95 % intervals.",
    )


def _learning(data: ReportData) -> Iterator[Picture]:
    curve = data.learning_curve
    if curve is None:
        return
    asked = f"of {curve.held_out_rows:,} held-out rows"
    yield _picture(
        draw_learning_tau(curve),
        *("learning-tau", "Order by size of history"),
        f"Kendall tau-b {asked}, for indexes built from more and more rows; the band is from the "
        "worst to the best part drawn of a size.",
    )
    yield _picture(
        draw_learning_mae(curve),
        *("learning-mae", "Error by size of history"),
        f"MAE {asked}, beside that of the LLM's median, which knows no prompt: the lower the "
        "better.",
    )

"""Writes a report: a page for people and its numbers for programs."""

import json
from pathlib import Path

from index_builder.evaluation.evaluation import Evaluation
from index_builder.report.data import ReportData
from index_builder.report.learning_curve import LearningCurve
from index_builder.report.page import render_page


def write_report(
    folder: Path, evaluation: Evaluation, learning_curve: LearningCurve | None = None
) -> Path:
    """Write `index.html`, which needs no other file, and `report.json` with what it draws.

    Args:
        folder: Is there already; files of these names are replaced.
        evaluation: Just made, with its rows.
        learning_curve: To be drawn as well, if it was measured.

    Returns:
        The page.

    Raises:
        InvalidInputError: The evaluation holds no rows.
    """
    data = ReportData.of(evaluation, learning_curve)
    page = folder / "index.html"
    page.write_text(render_page(data), "utf-8")
    (folder / "report.json").write_text(json.dumps(data.to_dict(), indent=1) + "\n", "utf-8")
    return page

"""All that a report draws, as plain numbers: no prompts, no single rows."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from index_builder.evaluation.evaluation import Evaluation
from index_builder.report.calibration_curve import CalibrationCurve, IntervalCoverage
from index_builder.report.confidence import Reliability
from index_builder.report.learning_curve import LearningCurve
from index_builder.report.predicted_against_true import PredictedAgainstTrue
from index_builder.report.predictors import Scores, predictor_scores, tau_by_llm
from index_builder.report.remaining import RemainingAccuracy
from lengthwise.index.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class ReportData:
    """An evaluation and what its pictures show; parts are None where there is nothing to draw."""

    evaluation: Evaluation
    predicted_against_true: PredictedAgainstTrue
    calibration: CalibrationCurve
    interval: IntervalCoverage | None
    kendall_tau_b: Scores
    mae: Scores
    kendall_tau_b_by_llm: Scores | None
    confidence: Reliability
    remaining: RemainingAccuracy
    learning_curve: LearningCurve | None = None

    @classmethod
    def of(
        cls, evaluation: Evaluation, learning_curve: LearningCurve | None = None
    ) -> "ReportData":
        """Condense an evaluation.

        Raises:
            InvalidInputError: It was read from a file, which does not hold the single rows.
        """
        rows = evaluation.asked
        if rows is None:
            raise InvalidInputError(
                "this evaluation holds no rows: expected one that was just made, not read from JSON"
            )
        predicted = rows.points[evaluation.predictor]
        return cls(
            evaluation=evaluation,
            predicted_against_true=PredictedAgainstTrue.of(predicted, rows.truth),
            calibration=CalibrationCurve.of(rows),
            interval=IntervalCoverage.of(rows, predicted),
            kendall_tau_b=predictor_scores(evaluation, "kendall_tau_b"),
            mae=predictor_scores(evaluation, "mae", low_is_good=True),
            kendall_tau_b_by_llm=tau_by_llm(evaluation),
            confidence=Reliability.of(np.asarray(rows.confidence), predicted, rows.truth),
            remaining=RemainingAccuracy.of(rows),
            learning_curve=learning_curve,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the evaluation as the command prints it, and each picture's numbers."""
        parts = ("predicted_against_true", "calibration", "interval", "kendall_tau_b", "mae")
        more = ("kendall_tau_b_by_llm", "confidence", "remaining", "learning_curve")
        values = {name: getattr(self, name) for name in (*parts, *more)}
        drawn = {name: asdict(value) if value else None for name, value in values.items()}
        return {"evaluation": self.evaluation.to_dict(), **drawn}

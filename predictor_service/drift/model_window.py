"""How well the lengths of one LLM are predicted at present."""

from dataclasses import dataclass

import numpy as np

from lengthwise.index.length_scale import FloatArray
from predictor_service.drift.caller_lengths import CallerLengths
from predictor_service.drift.promise import Promise
from predictor_service.drift.scored_prediction import ScoredPrediction
from predictor_service.drift.window import WindowSummary, rank_agreement


@dataclass(frozen=True, slots=True)
class ModelDrift:
    """A snapshot; None where there are no rows to tell, or nothing was promised.

    Args:
        model: The LLM; "" where none is named.
        rows: Scored predictions in the window.
        censored_rows: Those whose length is only known to be longer.
        mae_tokens: Mean absolute error of the medians, in tokens.
        log_error: Mean absolute error of log(1 + length).
        tau_b: Kendall's, of the medians with the true lengths, from -1 to 1.
        coverage_90: Share of true lengths inside the 90 % interval, from 0 to 1.
        promised_mae_tokens: `mae_tokens` in the index's own evaluation.
        promised_coverage_90: `coverage_90` in the index's own evaluation.
        alarm: True while error or coverage are outside their band.
        reason: Why there is an alarm, for people; empty without one.
    """

    model: str
    rows: int
    censored_rows: int
    mae_tokens: float | None
    log_error: float | None
    tau_b: float | None
    coverage_90: float | None
    promised_mae_tokens: float | None
    promised_coverage_90: float | None
    alarm: bool
    reason: str


class ModelWindow:
    """The last scored predictions of one LLM, and its alarm.

    Args:
        rows: Predictions kept; the oldest goes when the window is full.
        promise: What the index's evaluation says of this LLM.
    """

    def __init__(self, rows: int, promise: Promise) -> None:
        # Columns as they are summed up, in a ring: a summary converts nothing, row by row.
        self._ring: FloatArray = np.empty((rows, len(ScoredPrediction._fields)))
        self._count = 0
        self._summary = WindowSummary.from_scored(())
        self._tau_b: float | None = None
        self._ranked = self._summarised = True
        self.promise = promise
        self.callers = CallerLengths()
        """Who reports which lengths of this LLM."""
        self.reason = ""
        """Why there is an alarm, for people; empty without one."""

    def add(self, scored: ScoredPrediction) -> None:
        """Take one more, in the place of the oldest when the window is full."""
        self._ring[self._count % len(self._ring)] = scored
        self._count += 1
        self._ranked = self._summarised = False

    def with_callers(self, reason: str) -> str:
        """A reason with the caller whose lengths are unlike the others', if there is one."""
        unlike = self.callers.unlike() if reason else ""
        return f"{reason}; {unlike}" if unlike else reason

    @property
    def _scored(self) -> FloatArray:
        return self._ring[: self._count]

    @property
    def summary(self) -> WindowSummary:
        """Computed when rows came since the last time."""
        if not self._summarised:
            self._summary, self._summarised = WindowSummary.from_scored(self._scored), True
        return self._summary

    def snapshot(self, model: str) -> ModelDrift:
        """What the window says now, under the LLM's name."""
        if not self._ranked:
            self._tau_b, self._ranked = rank_agreement(self._scored), True
        summary = self.summary
        return ModelDrift(
            model=model,
            rows=summary.rows,
            censored_rows=summary.censored_rows,
            mae_tokens=summary.mae_tokens,
            log_error=summary.log_error,
            tau_b=self._tau_b,
            coverage_90=summary.coverage_90,
            promised_mae_tokens=self.promise.mae_tokens,
            promised_coverage_90=self.promise.coverage_90,
            alarm=bool(self.reason),
            reason=self.with_callers(self.reason),
        )

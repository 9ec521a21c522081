"""Fits a first tier to the index that it stands before, on rows that neither was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lengthwise.index.arrays import BoolVector
from lengthwise.index.estimate.calibration import Calibration
from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.fitting import Fit, Validation
from lengthwise.index.estimate.held_out import HeldOutHits
from lengthwise.index.first_tier.doubt import Doubt, Reading, doubts_of_others
from lengthwise.index.first_tier.fitted_tier import FittedTier
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.first_tier.student import Student
from lengthwise.index.first_tier.threshold import Threshold, TierPair, chosen_threshold
from lengthwise.index.length_scale import FloatArray, to_log
from lengthwise.index.search.rows import HistoryRows


@dataclass(frozen=True, slots=True)
class TierCandidate:
    """What may become the first tier of an index.

    Args:
        student: Trained beside the encoder of the index, on the same rows.
        known: The prompts of the index.
        prompts: Texts of rows that were not trained on, by their number in the index.
        allowed_loss: How much lower Kendall's tau-b may be for it.
    """

    student: Student
    known: KnownPrompts
    prompts: Mapping[int, str]
    allowed_loss: float

    def read(self, rows: HistoryRows, held_out: HeldOutHits) -> Reading:
        """What the student says of held-out rows."""
        prompts = [self.prompts[row] for row in held_out.rows.tolist()]
        return self.student.read(prompts, [rows.models[code] for code in held_out.codes.tolist()])


@dataclass(frozen=True, slots=True)
class TierFit:
    """A first tier that keeps the loss that was allowed.

    Args:
        fitted: What is stored of it, beside its model.
        threshold: What it answers, and what that costs.
        held_out_rows: Rows that this was chosen by.
        validation: How good both tiers are together; None where rows were too few.
        first: Shape (validation rows,): those of them that the first tier answers.
    """

    fitted: FittedTier
    threshold: Threshold
    held_out_rows: int
    validation: Validation | None
    first: BoolVector


def fit_first_tier(candidate: TierCandidate, fit: Fit, rows: HistoryRows) -> TierFit | None:
    """Choose what a first tier answers, and calibrate it on what it then will answer.

    Args:
        candidate: The student and the texts of the held-out rows.
        fit: Of the second tier, with the rows held out.
        rows: Columns of all rows of the index.

    Returns:
        None where no threshold answers enough within the allowed loss.
    """
    held_out = fit.held_out.ended()
    said = candidate.read(rows, held_out)
    second = fit.medians(held_out, rows)
    first = _medians(said, held_out)
    doubts = doubts_of_others(said, first, second)
    pair = TierPair(doubts, first, second, held_out.tokens.astype(float))
    threshold = chosen_threshold(pair, candidate.allowed_loss)
    if threshold is None:
        return None
    doubt = Doubt.fit(said, first, second)
    newest = fit.newest
    said = candidate.read(rows, newest)
    doubts = doubt.of(said)
    sure = doubts <= threshold.most
    calibration = _calibrated(said.part(sure), doubts[sure], newest.part(sure))
    validation, answered = _validated(fit, said, doubts, sure)
    fitted = FittedTier(doubt, threshold.most, calibration)
    return TierFit(fitted, threshold, len(held_out), validation, answered)


def _calibrated(said: Reading, doubts: FloatArray, held_out: HeldOutHits) -> Calibration:
    """A correction by how much is doubted; nothing is unfamiliar to who looks nothing up."""
    return Calibration.fit(
        said.cdf,
        to_log(held_out.tokens),
        held_out.censored,
        nearness=-doubts,
        groups=held_out.groups,
        familiarity=Familiarity(),
    )


def _medians(said: Reading, held_out: HeldOutHits) -> FloatArray:
    """Medians of the first tier were it to answer all, in tokens."""
    widths = said.widths()
    grid = _calibrated(said, widths, held_out).quantile_grid(said.cdf, -widths)
    return grid[:, grid.shape[1] // 2]


def _validated(
    fit: Fit, said: Reading, doubts: FloatArray, sure: BoolVector
) -> tuple[Validation | None, BoolVector]:
    """The validation of the second tier, with the first tier's answers in place of its own.

    As there, they are calibrated on the half of the rows that is not validated.
    """
    if fit.validation is None:
        return None, np.zeros(0, bool)
    newest = fit.newest
    half = sure & (np.arange(len(newest)) < len(newest) // 2)
    calibration = _calibrated(said.part(half), doubts[half], newest.part(half))
    place_of = {row: place for place, row in enumerate(newest.rows.tolist())}
    places = np.array([place_of[row] for row in fit.validation.rows.tolist()], np.int64)
    first = sure[places]
    told, nearness = said.part(places[first]).cdf, -doubts[places[first]]
    grid, confidence = fit.validation.grid.copy(), fit.validation.confidence.copy()
    grid[first] = calibration.quantile_grid(told, nearness)
    confidence[first] = calibration.confidence(grid[first], nearness)
    return replace(fit.validation, grid=grid, confidence=confidence), first

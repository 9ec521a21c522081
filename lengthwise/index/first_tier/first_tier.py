"""The first tier of an index: answers at once what it is sure of, and passes on the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.index.arrays import BoolVector
from lengthwise.index.estimate.answers import AnsweredLengths, truncated
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.estimate.prior import LengthPrior
from lengthwise.index.estimate.robust_mean import USUAL_LEVEL
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.first_tier.fitted_tier import FittedTier
from lengthwise.index.first_tier.known_prompts import KnownPrompts, RecentPrompts
from lengthwise.index.first_tier.student import Student
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.search.recent import RecentSnapshot


@dataclass(frozen=True, slots=True)
class TierParts:
    """What an artifact holds of a first tier.

    Args:
        student: Says how long answers will be.
        fitted: What it is sure of, and how its probabilities are corrected.
        known: The prompts of the build.
    """

    student: Student
    fitted: FittedTier
    known: KnownPrompts


class FirstTier:
    """Answers what needs neither the encoder nor a search. Safe for several threads.

    It passes on prompts that the index has seen before, whose past answers say more; those of an
    LLM that it did not learn; those whose neighbours are asked for, since it knows none; and those
    of which it is not sure.

    Args:
        parts: As the artifact has them.
        prior: Of the index: what is usual for each LLM.
        codes: Of the LLMs of the index, by name.
        levels: Levels given in every answer, ascending, in (0, 1).
        repeats: Of the index: prompts whose rows it does not hold; None without any.
    """

    def __init__(
        self,
        parts: TierParts,
        *,
        prior: LengthPrior,
        codes: Mapping[str, int],
        levels: tuple[float, ...],
        repeats: RepeatTable | None = None,
    ) -> None:
        self._student = parts.student
        self._fitted = parts.fitted
        self._known = parts.known
        self._recent = RecentPrompts()
        self._prior = prior
        self._codes = codes
        self._levels = levels
        self._repeats = repeats

    def answers(
        self, queries: Sequence[Query], recent: RecentSnapshot | None
    ) -> list[LengthEstimate | None]:
        """One estimate per query that it answers; None for those that it passes on.

        Args:
            queries: In any order and number.
            recent: Rows that came after the build; None if there are none.
        """
        answers: list[LengthEstimate | None] = [None] * len(queries)
        places = np.flatnonzero(self._may_answer(queries, recent)).tolist()
        if not places:
            return answers
        asked = [queries[place] for place in places]
        said = self._student.read([q.prompt for q in asked], [q.model for q in asked])
        doubts = self._fitted.doubt.of(said)
        sure = np.flatnonzero(doubts <= self._fitted.most)
        queries_sure = [asked[i] for i in sure.tolist()]
        found = self._estimates(queries_sure, said.part(sure).cdf, -doubts[sure])
        for i, estimate in zip(sure.tolist(), found, strict=True):
            answers[places[i]] = estimate
        return answers

    def _may_answer(self, queries: Sequence[Query], recent: RecentSnapshot | None) -> BoolVector:
        may = np.array([q.neighbour_count == 0 for q in queries], bool)
        may &= self._student.knows([query.model for query in queries])
        if not may.any():
            return may
        prompts = [query.prompt for query in queries]
        may &= ~self._known.holds(prompts)
        if self._repeats is not None:
            may &= ~self._repeats.holds(queries)
        if recent is not None:
            may &= ~self._recent.hold(recent, prompts)
        return may

    def _estimates(
        self, queries: Sequence[Query], cdf: WeightedCdf, sureness: np.ndarray
    ) -> list[LengthEstimate]:
        if not queries:
            return []
        codes = np.array([self._codes.get(q.model, -1) if q.model else -1 for q in queries])
        calibration = self._fitted.calibration
        grid = truncated(calibration.quantile_grid(cdf, sureness), queries)
        confidence = calibration.confidence(grid, sureness).tolist()
        usual_tokens = self._prior.quantile(codes, USUAL_LEVEL)
        told = AnsweredLengths.from_grid(grid, usual_tokens, self._levels)
        expected, quantiles = told.expected_tokens.tolist(), told.quantile_tokens.tolist()
        return [
            LengthEstimate(
                expected_tokens=expected[i],
                quantile_levels=self._levels,
                quantile_tokens=tuple(quantiles[i]),
                confidence=confidence[i],
                basis="head",
                nearness=0.0,
                neighbours=(),
                model_known=code >= 0,
                tier="first",
            )
            for i, code in enumerate(codes.tolist())
        ]

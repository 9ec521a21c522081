"""When error and coverage are outside their band, and when they are back inside."""

import math
from dataclasses import dataclass

from predictor_service.drift.promise import Promise
from predictor_service.drift.window import Figures


@dataclass(frozen=True, slots=True)
class Band:
    """Limits around what the artifact promised.

    An alarm begins beyond the outer limits and ends within the inner ones, halfway to the promise,
    so that it does not come and go with every row. Both allow for chance: the outer for three
    standard errors of the coverage and two of the mean error. Only what is worse than promised
    counts: intervals that hold too much do no harm, and limits on tokens make them so.

    Args:
        error_ratio: Mean absolute error over the promised, at the outer limit.
        coverage_margin: How far coverage may fall short of the promised, at the outer limit.
        min_rows: Fewer begin no alarm and end none.
    """

    error_ratio: float = 1.3
    coverage_margin: float = 0.05
    min_rows: int = 100

    def reason(self, figures: Figures, promise: Promise, *, alarmed: str) -> str:
        """Why there is an alarm, for people; empty if there is none.

        Args:
            figures: Of the window.
            promise: Of the artifact.
            alarmed: The reason of the alarm that is on; empty if none is.
        """
        if figures.rows - figures.censored_rows < self.min_rows:
            return alarmed
        found = [self._error(figures, promise, bool(alarmed))]
        found.append(self._coverage(figures, promise, bool(alarmed)))
        return "; ".join(text for text in found if text)

    def _error(self, figures: Figures, promise: Promise, alarmed: bool) -> str:
        if figures.mae_tokens is None or not promise.mae_tokens:
            return ""
        ratio = 1 + (self.error_ratio - 1) / 2 if alarmed else self.error_ratio
        allowance = 0 if alarmed else 2 * figures.mae_deviation_tokens
        if figures.mae_tokens - allowance <= ratio * promise.mae_tokens:
            return ""
        times = figures.mae_tokens / promise.mae_tokens
        return (
            f"the mean error is {figures.mae_tokens:.0f} tokens, {times:.2f} times the "
            f"{promise.mae_tokens:.0f} of the index's evaluation"
        )

    def _coverage(self, figures: Figures, promise: Promise, alarmed: bool) -> str:
        promised = promise.coverage_90
        if figures.coverage_90 is None or promised is None:
            return ""
        known = max(1, figures.rows - figures.censored_rows)
        variance = promised * (1 - promised) * (1 / known + 1 / max(1, promise.rows))
        part = 0.5 if alarmed else 1.0
        allowance = part * (self.coverage_margin + 3 * math.sqrt(variance))
        if figures.coverage_90 >= promised - allowance:
            return ""
        return (
            f"the 90 % interval holds {figures.coverage_90:.0%} of the lengths, "
            f"{promised:.0%} in the index's evaluation"
        )

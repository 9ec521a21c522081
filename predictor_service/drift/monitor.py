"""Sets reports against the predictions made before, per LLM, and raises the alarm."""

import time
from collections.abc import Callable, Sequence

import structlog

from lengthwise.index.record import HistoryRecord
from predictor_service.drift.band import Band
from predictor_service.drift.model_window import ModelDrift, ModelWindow
from predictor_service.drift.outstanding import OutstandingPredictions
from predictor_service.drift.promise import Promises
from predictor_service.drift.scored_prediction import score

log = structlog.get_logger(__name__)

MAX_MODELS = 64
"""LLMs watched; of others reports are only counted."""

ASSESS_EVERY_S = 1.0
"""Between two looks at the alarms, each of which goes through all windows that have changed."""


class DriftMonitor:
    """Watches how well the served version predicts. Used by the event loop alone.

    Each version is scored by its own predictions: when another takes over, the windows begin anew,
    and what was predicted by the one before is not counted.

    Args:
        window_rows: Scored predictions kept of each LLM; 0 watches nothing.
        band: When to raise the alarm.
        on_alarm: Called with True when the first alarm of any LLM begins, with False when the last
            one ends.
        clock: Gives the time in seconds; monotonic.
    """

    def __init__(
        self,
        *,
        window_rows: int,
        band: Band,
        on_alarm: Callable[[bool], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window_rows = window_rows
        self._band = band
        self._on_alarm = on_alarm
        self._clock = clock
        self._version = ""
        self._promises = Promises()
        self._windows: dict[str, ModelWindow] = {}
        self._assessed_s = -float("inf")
        self.outstanding: OutstandingPredictions | None = None
        """Predictions whose lengths are not reported yet; None if nothing is watched."""
        if window_rows:
            self.outstanding = OutstandingPredictions(clock=clock)
        self.scored = 0
        """Reports held against their prediction."""
        self.unmatched = 0
        """Reports whose prediction is not known, or another version's."""

    @property
    def alarm(self) -> bool:
        """True while there is an alarm of any LLM."""
        return any(window.reason for window in self._windows.values())

    def index_switched(self, version: str, promises: Promises) -> None:
        """Begin anew with another version.

        Args:
            version: The one that is served from now on.
            promises: What its own evaluation says.
        """
        before = self.alarm
        self._version, self._promises = version, promises
        self._windows = {}
        if before:
            log.info("drift alarms ended: another version is served", version=version)
            self._on_alarm(False)

    def reported(self, records: Sequence[HistoryRecord]) -> None:
        """Score the predictions of what was reported, each completion once."""
        if self.outstanding is None:
            return
        for record in records:
            predicted = self.outstanding.take(record)
            window = self._window_of(record.model) if predicted is not None else None
            if predicted is None or window is None or predicted.version != self._version:
                self.unmatched += 1
                continue
            window.add(score(predicted, record))
            self.scored += 1
        now_s = self._clock()
        if now_s - self._assessed_s >= ASSESS_EVERY_S:
            self._assessed_s = now_s
            self._assess()

    def snapshot(self) -> tuple[ModelDrift, ...]:
        """One per LLM, in the order of their names."""
        self._assess()
        return tuple(self._windows[model].snapshot(model) for model in sorted(self._windows))

    def _window_of(self, model: str) -> ModelWindow | None:
        window = self._windows.get(model)
        if window is None and len(self._windows) < MAX_MODELS:
            window = ModelWindow(self._window_rows, self._promises.for_model(model))
            self._windows[model] = window
        return window

    def _assess(self) -> None:
        before = self.alarm
        for model, window in self._windows.items():
            reason = self._band.reason(window.summary, window.promise, alarmed=window.reason)
            if reason and not window.reason:
                log.warning("drift alarm", model=model, version=self._version, reason=reason)
            elif window.reason and not reason:
                log.info("drift alarm ended", model=model, version=self._version)
            window.reason = reason
        if self.alarm != before:
            self._on_alarm(self.alarm)

"""Sets reports against the predictions made before, per LLM, and raises the alarm."""

import time
from collections import OrderedDict
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
"""LLMs watched at a time. Those of the index come first, by their rows; of others the one that was
silent longest makes room."""

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
        self._own: frozenset[str] = frozenset()
        self._windows: OrderedDict[str, ModelWindow] = OrderedDict()
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

    def index_switched(self, version: str, promises: Promises, models: Sequence[str] = ()) -> None:
        """Begin anew with another version.

        Args:
            version: The one that is served from now on.
            promises: What its own evaluation says.
            models: LLMs that it has rows of, most rows first.
        """
        before = self.alarm
        self._version, self._promises = version, promises
        self._own = frozenset(models[:MAX_MODELS])
        self._windows = OrderedDict()
        if before:
            log.info("drift alarms ended: another version is served", version=version)
            self._on_alarm(False)

    def reported(self, records: Sequence[HistoryRecord]) -> None:
        """Score the predictions of what was reported, each completion once."""
        if self.outstanding is None:
            return
        before = self.alarm
        for record in records:
            predicted = self.outstanding.take(record)
            window = (
                self._windows.get(record.model)
                if predicted is None
                else self._window_of(record.model)
            )
            if window is not None:
                window.callers.add(record.caller, record.output_tokens)
            if predicted is None or window is None or predicted.version != self._version:
                self.unmatched += 1
                continue
            window.add(score(predicted, record))
            self.scored += 1
        if before and not self.alarm:  # the LLM that raised it made room for another
            self._on_alarm(False)
        now_s = self._clock()
        if now_s - self._assessed_s >= ASSESS_EVERY_S:
            self._assessed_s = now_s
            self._assess()

    @property
    def own_models(self) -> frozenset[str]:
        """LLMs of the index that are always watched."""
        return self._own

    def snapshot(self) -> tuple[ModelDrift, ...]:
        """One per LLM, in the order of their names."""
        self._assess()
        return tuple(self._windows[model].snapshot(model) for model in sorted(self._windows))

    def _window_of(self, model: str) -> ModelWindow | None:
        window = self._windows.get(model)
        if window is None and self._has_room():
            window = ModelWindow(self._window_rows, self._promises.for_model(model))
            self._windows[model] = window
        if window is not None:
            self._windows.move_to_end(model)
        return window

    def _has_room(self) -> bool:
        """Whether one more LLM can be watched, after another made room for it if need be."""
        if len(self._windows) < MAX_MODELS:
            return True
        silent = next((name for name in self._windows if name not in self._own), None)
        if silent is None:
            return False  # all are the index's own
        if self._windows.pop(silent).reason:
            log.info("drift alarm ended: the LLM is no longer watched", model=silent)
        return True

    def _assess(self) -> None:
        before = self.alarm
        for model, window in self._windows.items():
            reason = self._band.reason(window.summary, window.promise, alarmed=window.reason)
            if reason and not window.reason:
                told = window.with_callers(reason)
                log.warning("drift alarm", model=model, version=self._version, reason=told)
            elif window.reason and not reason:
                log.info("drift alarm ended", model=model, version=self._version)
            window.reason = reason
        if self.alarm != before:
            self._on_alarm(self.alarm)

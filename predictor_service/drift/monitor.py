"""Sets reports against the predictions given before, per LLM, and raises the alarm."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from lengthwise.index.record import HistoryRecord
from predictor_service.drift.band import Band
from predictor_service.drift.model_drift import ModelDrift
from predictor_service.drift.outstanding import GivenPredictions
from predictor_service.drift.promise import Promise, Promises
from predictor_service.drift.scored_prediction import Judged, judge
from predictor_service.drift.window import Figures, rank_agreement

log = structlog.get_logger(__name__)

MAX_MODELS = 64
"""LLMs watched; of others reports are only counted."""

ASSESS_EVERY_S = 1.0


class ModelWindow:
    """The last judged predictions of one LLM, and its alarm.

    Args:
        rows: Kept at most.
        promise: What they are held against.
    """

    def __init__(self, rows: int, promise: Promise) -> None:
        self._window: deque[Judged] = deque(maxlen=rows)
        self._figures = Figures.of(())
        self._tau_b: float | None = None
        self._ranked = self._measured = True
        self.promise = promise
        self.reason = ""

    def add(self, judged: Judged) -> None:
        """Take one more; the oldest goes when the window is full."""
        self._window.append(judged)
        self._ranked = self._measured = False

    @property
    def figures(self) -> Figures:
        """Computed when rows came since the last time."""
        if not self._measured:
            self._figures, self._measured = Figures.of(self._window), True
        return self._figures

    def snapshot(self, model: str) -> ModelDrift:
        """For people and metrics."""
        if not self._ranked:
            self._tau_b, self._ranked = rank_agreement(self._window), True
        figures = self.figures
        return ModelDrift(
            model=model,
            rows=figures.rows,
            censored_rows=figures.censored_rows,
            mae_tokens=figures.mae_tokens,
            log_error=figures.log_error,
            tau_b=self._tau_b,
            coverage_90=figures.coverage_90,
            promised_mae_tokens=self.promise.mae_tokens,
            promised_coverage_90=self.promise.coverage_90,
            alarm=bool(self.reason),
            reason=self.reason,
        )


class DriftMonitor:
    """Watches how well the served version predicts. Used by the event loop alone.

    Each version is judged by its own predictions: when another takes over, the windows begin anew,
    and what was predicted by the one before is not counted.

    Args:
        window_rows: Judged predictions kept of each LLM; 0 watches nothing.
        band: When to raise the alarm.
        on_alarm: Told whenever the first alarm begins or the last one ends.
        clock: Seconds, monotonic.
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
        self.given: GivenPredictions | None = None
        if window_rows:
            self.given = GivenPredictions(clock=clock)
        self.judged = 0
        self.unmatched = 0

    @property
    def alarm(self) -> bool:
        """True while there is an alarm of any LLM."""
        return any(window.reason for window in self._windows.values())

    def index_switched(self, version: str, promises: Promises) -> None:
        """Begin anew with another version."""
        before = self.alarm
        self._version, self._promises = version, promises
        self._windows = {}
        if before:
            log.info("drift alarms ended: another version is served", version=version)
            self._on_alarm(False)

    def reported(self, records: Sequence[HistoryRecord]) -> None:
        """Judge what was reported, each completion once."""
        if self.given is None:
            return
        for record in records:
            given = self.given.take(record)
            window = self._window_of(record.model) if given is not None else None
            if given is None or window is None or given.version != self._version:
                self.unmatched += 1
                continue
            window.add(judge(given, record))
            self.judged += 1
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
            window = ModelWindow(self._window_rows, self._promises.of(model))
            self._windows[model] = window
        return window

    def _assess(self) -> None:
        before = self.alarm
        for model, window in self._windows.items():
            reason = self._band.reason(window.figures, window.promise, alarmed=window.reason)
            if reason and not window.reason:
                log.warning("drift alarm", model=model, version=self._version, reason=reason)
            elif window.reason and not reason:
                log.info("drift alarm ended", model=model, version=self._version)
            window.reason = reason
        if self.alarm != before:
            self._on_alarm(self.alarm)

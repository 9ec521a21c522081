"""What the served index holds, how well it predicts, and what came of switching it."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class ModelDrift:
    """Predictions of the served version beside the lengths that were reported since.

    Args:
        model: The LLM; "" where none was named.
        rows: Predictions in the window.
        censored_rows: Those whose length is only known to be longer.
        mae_tokens: Mean absolute error of the medians; None if nothing is known.
        log_error: Mean absolute error of log(1 + length).
        kendall_tau_b: Of the medians with the true lengths.
        coverage_90: Share of true lengths inside the 90 % interval.
        promised_mae_tokens: By the index's own evaluation; None if it says nothing.
        promised_coverage_90: By the same.
        alarm: Error or coverage are outside their band.
        reason: Why, for people.
    """

    model: str
    rows: int
    censored_rows: int
    mae_tokens: float | None
    log_error: float | None
    kendall_tau_b: float | None
    coverage_90: float | None
    promised_mae_tokens: float | None
    promised_coverage_90: float | None
    alarm: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the index knows of one LLM's answers."""

    model: str
    rows: int
    median_tokens: float
    p90_tokens: float


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The served index and the service around it.

    Args:
        index_version: Changes when the index is swapped.
        schema_version: Of the artifact's layout on disk.
        encoder: Name of the embedding model.
        encoder_hash: Content hash of the same.
        dimension: Of its vectors.
        metric: How vectors are compared: "cosine".
        search: How they are searched: "flat", "hnsw", ...
        rows: Past prompts in the index.
        created_unix_s: When it was built, in seconds since 1970.
        models: The LLMs it knows.
        quantile_levels: The levels of the quantiles in every prediction.
        service_version: Of the service.
        uptime_s: Since the service started, in seconds.
        reported: Completions stored since then.
        drift: How well the lengths of each LLM are predicted at present, as far as lengths were
            reported to the process that answers.
        reports_judged: Reported lengths that were set against the prediction given before.
        reports_unmatched: Those of which that process remembers no prediction.
        previous_version: What a roll-back would serve; "" if nothing else was served before.
        switched_unix_s: When the served version took over, in seconds since 1970.
        swaps: Versions that took over since the service started, the first not counted.
        refused_swaps: Versions that were refused because they are broken.
    """

    index_version: str
    schema_version: int
    encoder: str
    encoder_hash: str
    dimension: int
    metric: str
    search: str
    rows: int
    created_unix_s: float
    models: tuple[ModelInfo, ...]
    quantile_levels: tuple[float, ...]
    service_version: str
    uptime_s: float
    reported: int
    drift: tuple[ModelDrift, ...] = ()
    reports_judged: int = 0
    reports_unmatched: int = 0
    previous_version: str = ""
    switched_unix_s: float = 0.0
    swaps: int = 0
    refused_swaps: int = 0

    @property
    def created_at(self) -> datetime:
        """When the index was built, in UTC."""
        return datetime.fromtimestamp(self.created_unix_s, UTC)

    @property
    def alarms(self) -> tuple[ModelDrift, ...]:
        """The LLMs whose predictions are out of their band."""
        return tuple(drift for drift in self.drift if drift.alarm)


LOADING_TIMEOUT_S = 300.0
"""How long a switch may take: a large index is read and checked meanwhile."""


@dataclass(frozen=True, slots=True)
class IndexSwitch:
    """Another version is served.

    Args:
        version: Served now.
        before: Served before.
        place_told: The place of the index names the version now, so that every service that watches
            it follows. False: it could not be written; the service that was asked alone serves the
            version, and holds to it until the place names yet another.
    """

    version: str
    before: str
    place_told: bool

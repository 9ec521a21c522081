"""What the served index holds."""

from dataclasses import dataclass
from datetime import UTC, datetime

from scheduler_client.model_drift import ModelDrift


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

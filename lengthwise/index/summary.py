"""What an index holds, in numbers: shown by `inspect` and GetIndexInfo."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """The lengths of one LLM's answers in the history; censored rows count at least as long."""

    model: str
    rows: int
    median_tokens: float
    p90_tokens: float


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What an index holds.

    Args:
        version: Name of the artifact's version.
        schema_version: Of the artifact's layout.
        encoder: Name of the embedding model.
        encoder_hash: Its content hash.
        dimension: Length of a vector.
        metric: How vectors are compared: "cosine".
        search: How they are searched: "flat", "ivf".
        rows: Past prompts held.
        created_unix_s: Unix time of the build, in seconds.
        models: One per LLM, most rows first.
        quantile_levels: The levels given in every answer.
    """

    version: str
    schema_version: int
    encoder: str
    encoder_hash: str
    dimension: int
    metric: str
    search: str
    rows: int
    created_unix_s: float
    models: tuple[ModelSummary, ...]
    quantile_levels: tuple[float, ...]

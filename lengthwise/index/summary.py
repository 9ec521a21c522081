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
        schema_version: Version of the artifact's layout, see `manifest.SCHEMA_VERSION`.
        encoder: Name of the embedding model.
        encoder_hash: Hash of its weights, tokenizer and pooling.
        dimension: Numbers in a vector of the encoder.
        metric: How vectors are compared: "cosine".
        search: How they are searched: "flat", "ivf".
        rows: Past prompts that the build took in.
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

"""What a prediction's time consists of: encode, search, estimate."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from benchmarks.harness.spread import percentile
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.estimate.calibration import Calibration
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.retrieval import RetrievalParameters
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS, LengthIndex
from lengthwise.index.search.rows import SCHEMA, HistoryRows
from lengthwise.index.search.vector_search import VectorSearch
from lengthwise.index.store.manifest import EncoderIdentity, Manifest


@dataclass(frozen=True, slots=True)
class Parts:
    """Median times of a micro-batch, in milliseconds."""

    encode_ms: float
    search_ms: float
    estimate_ms: float

    @property
    def search_share(self) -> float:
        """Of the whole."""
        return self.search_ms / (self.encode_ms + self.search_ms + self.estimate_ms)


def served_index(vectors: VectorSearch, lengths: Sequence[int], encoder: Encoder) -> LengthIndex:
    """An index in memory as the service would hold it.

    Args:
        vectors: What is searched, of any number of rows.
        lengths: Given to the rows in turn.
        encoder: The one that made the vectors.
    """
    count = len(vectors)
    columns = {
        "id": [f"row-{i}" for i in range(count)],
        "model": ["a model"] * count,
        "output_tokens": np.resize(np.array(lengths), count),
        "censored": np.zeros(count, bool),
        "group": [""] * count,
        "prompt": [""] * count,
        "stored_unix_s": np.zeros(count),
        "temperature": pa.nulls(count),
        "caller": pa.nulls(count),
    }
    manifest = Manifest(
        version="benchmark",
        encoder=EncoderIdentity(encoder.name, encoder.content_hash, encoder.dimension),
        rows=count,
        skipped_rows=0,
        data_fingerprint="",
        search=vectors.plan,
        quantile_levels=DEFAULT_QUANTILE_LEVELS,
        keeps_text=False,
        created_unix_s=time.time(),
        created_by="benchmarks.search",
    )
    rows = HistoryRows(pa.Table.from_pydict(columns, schema=SCHEMA))
    fitted = FittedEstimator(RetrievalParameters(), Calibration.identity())
    return LengthIndex(manifest, encoder, vectors, rows, fitted)


def measure_parts(index: LengthIndex, prompts: Sequence[str], batch: int, count: int) -> Parts:
    """Predict micro-batches, each part timed."""
    times: list[tuple[float, float, float]] = []
    for i in range(count + 1):
        start = i * batch % (len(prompts) - batch + 1)
        queries = [Query(prompt) for prompt in prompts[start : start + batch]]
        started = time.perf_counter()
        vectors = index.encode([query.prompt for query in queries])
        encoded = time.perf_counter()
        hits = index.search(vectors, queries)
        searched = time.perf_counter()
        index.estimate(hits, queries)
        estimated = time.perf_counter()
        times.append((encoded - started, searched - encoded, estimated - searched))
    encode, search, estimate = zip(*times[1:], strict=True)  # the first is for warming up
    return Parts(*(1_000 * percentile(part, 0.5) for part in (encode, search, estimate)))

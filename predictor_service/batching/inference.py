"""One micro-batch through the index, timed."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from lengthwise.index.estimate.estimate import LengthEstimate, Query
from predictor_service.batching.fair_queue import BatchFacts
from predictor_service.serving_index.served_index import ServedIndex


class Inference(NamedTuple):
    """The estimates of a micro-batch and what they share."""

    estimates: list[LengthEstimate]
    facts: BatchFacts


def infer(index: ServedIndex, queries: Sequence[Query]) -> Inference:
    """Encode, search and estimate; a prompt that occurs twice is encoded once.

    Raises:
        RuntimeError: The index answers another number of queries than it was asked.
    """
    started = time.perf_counter()
    prompts = [query.prompt for query in queries]
    unique = list(dict.fromkeys(prompts))
    vectors = index.encode(unique)
    if len(unique) < len(prompts):
        row_of = {prompt: row for row, prompt in enumerate(unique)}
        vectors = vectors[[row_of[prompt] for prompt in prompts]]
    encoded = time.perf_counter()
    estimates = index.estimate(index.search(vectors, queries), queries)
    searched = time.perf_counter()
    if len(estimates) != len(queries):
        raise RuntimeError(f"the index gave {len(estimates)} estimates for {len(queries)} queries")
    facts = BatchFacts(
        version=index.version,
        size=len(queries),
        encode_us=int((encoded - started) * 1e6),
        search_us=int((searched - encoded) * 1e6),
    )
    return Inference(estimates, facts)

"""One micro-batch through the index, timed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from predictor_service.serving_index.served_index import ServedIndex


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the answers of one micro-batch share.

    Args:
        version: Of the index that computed them.
        size: Prompts in the micro-batch, repeated ones too.
        encode_us: Time in the first tier and in the encoder, in microseconds.
        search_us: Time of the search and of the estimates, in microseconds.
    """

    version: str
    size: int
    encode_us: int
    search_us: int


class Inference(NamedTuple):
    """The estimates of a micro-batch, in the order of its queries, and what they share."""

    estimates: list[LengthEstimate]
    facts: BatchFacts


def infer(index: ServedIndex, queries: Sequence[Query]) -> Inference:
    """Have the first tier answer, and encode, search and estimate what it passes on.

    Raises:
        RuntimeError: The index answers another number of queries than it was asked.
    """
    started = time.perf_counter()
    first = index.answered_first(queries)
    rest = [query for query, answer in zip(queries, first, strict=True) if answer is None]
    vectors = _encoded(index, rest)
    encoded = time.perf_counter()
    second = index.estimate(index.search(vectors, rest), rest) if rest else []
    searched = time.perf_counter()
    if len(second) != len(rest):
        raise RuntimeError(f"the index gave {len(second)} estimates for {len(rest)} queries")
    left = iter(second)
    estimates = [answer or next(left) for answer in first]
    facts = BatchFacts(
        version=index.version,
        size=len(queries),
        encode_us=int((encoded - started) * 1e6),
        search_us=int((searched - encoded) * 1e6),
    )
    return Inference(estimates, facts)


def _encoded(index: ServedIndex, queries: Sequence[Query]) -> FloatMatrix:
    """Vectors of the prompts; one that occurs twice is encoded once."""
    prompts = [query.prompt for query in queries]
    unique = list(dict.fromkeys(prompts))
    vectors = index.encode(unique)
    if len(unique) == len(prompts):
        return vectors
    row_of = {prompt: row for row, prompt in enumerate(unique)}
    return vectors[[row_of[prompt] for prompt in prompts]]

"""The nearest rows of a matrix, exactly: for vectors that are still being added to."""

import numpy as np

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntMatrix

BLOCKS = 16
"""Rows are looked through in groups of so many, by the best of each group."""

FEW_QUERIES = 32
"""Up to here it is faster to multiply the other way round and turn the product."""

QUERIES_AT_A_TIME = 128
"""Bounds the memory for similarities."""

SMALL_SHARE = 1 / 4
"""Of rows among which is searched, up to here they are copied first. More are compared with all the
others, since the copy would take longer, and 30 MB at a time of 20,000 rows."""


def nearest_of(
    members: BoolVector, vectors: FloatMatrix, queries: FloatMatrix, k: int
) -> tuple[FloatMatrix, IntMatrix]:
    """The same as `nearest_rows` among some of the rows.

    Args:
        members: Shape (rows,): which of them.
        vectors: Shape (rows, dimension), rows of unit length.
        queries: Shape (queries, dimension), rows of unit length.
        k: How many are wanted of each, at least 1.
    """
    count = int(members.sum())
    if count == len(members):
        return nearest_rows(vectors, queries, k)
    if count > SMALL_SHARE * len(members):
        return nearest_rows(vectors, queries, min(k, count), among=members)
    places = np.flatnonzero(members)
    similarities, found = nearest_rows(vectors[places], queries, k)
    return similarities, places[found]


def nearest_rows(
    vectors: FloatMatrix, queries: FloatMatrix, k: int, *, among: BoolVector | None = None
) -> tuple[FloatMatrix, IntMatrix]:
    """The k nearest rows of each query, nearest first.

    Args:
        vectors: Shape (rows, dimension), rows of unit length.
        queries: Shape (queries, dimension), rows of unit length.
        k: How many are wanted of each, at least 1.
        among: Shape (rows,): rows that may be found, at least k of them; None for all.

    Returns:
        Cosine similarities and row numbers, both of shape (queries, min(k, rows)).
    """
    k = min(k, len(vectors))
    found: list[tuple[FloatMatrix, IntMatrix]] = []
    for start in range(0, len(queries), QUERIES_AT_A_TIME):
        similarities = _similarities(vectors, queries[start : start + QUERIES_AT_A_TIME])
        if among is not None:
            similarities[:, ~among] = -np.inf
        found.append(_best(similarities, k))
    if not found:
        return np.zeros((0, k), np.float32), np.zeros((0, k), np.int64)
    return np.concatenate([s for s, _ in found]), np.concatenate([rows for _, rows in found])


def _similarities(vectors: FloatMatrix, queries: FloatMatrix) -> FloatMatrix:
    if len(queries) <= FEW_QUERIES:
        return np.ascontiguousarray((vectors @ queries.T).T)
    return queries @ vectors.T


def _best(similarities: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
    """The k highest of each line, highest first, and where they stand."""
    places = _candidates(similarities, k)
    values = np.take_along_axis(similarities, places, axis=1)
    best = np.argpartition(-values, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(values, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    return np.take_along_axis(values, best, axis=1), np.take_along_axis(places, best, axis=1)


def _candidates(similarities: FloatMatrix, k: int) -> IntMatrix:
    """Places among which the k highest are: shape (queries, candidates).

    The k highest lie in the k groups whose own highest are the highest. A group is every n-th
    place, so that the highest of each come from a few passes over whole lines.
    """
    queries, rows = similarities.shape
    groups = rows // BLOCKS
    if groups <= k:
        return np.broadcast_to(np.arange(rows), (queries, rows))
    grouped = groups * BLOCKS
    highest = similarities[:, :grouped].reshape(queries, BLOCKS, groups).max(axis=1)
    chosen = np.argpartition(-highest, k - 1, axis=1)[:, :k]
    members = chosen[:, None, :] + groups * np.arange(BLOCKS)[None, :, None]
    rest = np.broadcast_to(np.arange(grouped, rows), (queries, rows - grouped))
    return np.concatenate([members.reshape(queries, -1), rest], axis=1)

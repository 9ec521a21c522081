"""Measures a learning curve: the same rows asked of indexes built from more and more history."""

import hashlib
import heapq
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from index_builder.build.builder import BuildOptions, BuildProgress, SilentProgress, build_index
from index_builder.evaluation.evaluation import CONSTANT, Evaluation, evaluate_index
from index_builder.report.known_vectors import KnownVectors
from index_builder.report.learning_curve import LearningCurve
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 50_000)
MAX_HELD_OUT_ROWS = 5_000
"""Enough for a curve; the evaluation itself asks about all."""

PARTS = 3
"""Parts drawn of each size, as far as the rows suffice: a hundred rows may be lucky ones."""

WORTH_A_POINT = 1.25
"""The whole history is a size of its own if it is so much larger than the last."""


class _Records(list[HistoryRecord]):
    """Records in memory, as a builder reads them."""

    fingerprint = ""


def measure_learning_curve(
    learnt: Iterable[HistoryRecord],
    held_out: Iterable[HistoryRecord],
    encoder: Encoder,
    *,
    seed: int = 0,
    progress: BuildProgress | None = None,
) -> LearningCurve:
    """Build from parts of one side of a split, ask each index about the other side.

    Args:
        learnt: The side to build from; of more than 50,000 rows some are drawn.
        held_out: The side to ask about; of more than 5,000 rows some are drawn.
        encoder: Makes the vectors, of each prompt once for all sizes.
        seed: Which rows are drawn.
        progress: Is told how far it is.

    Raises:
        InvalidInputError: There are fewer rows to build from than the smallest size.
    """
    progress = progress or SilentProgress()
    rows = _drawn(learnt, SIZES[-1], seed)
    asked = _drawn(held_out, MAX_HELD_OUT_ROWS, seed)
    if len(rows) < SIZES[0]:
        raise InvalidInputError(
            f"--learning-curve has {len(rows):,} rows to build from: expected at least "
            f"{SIZES[0]}. Give a larger history or leave the option out"
        )
    progress.stage("Learning curve: encoding prompts")
    known = KnownVectors(encoder, (r.prompt for r in [*rows, *asked]), progress.rows)
    found: dict[int, list[Evaluation]] = {}
    for size in sizes_of(len(rows)):
        progress.stage(f"Learning curve: {size:,} rows")
        parts = [rows[i * size : (i + 1) * size] for i in range(min(PARTS, len(rows) // size))]
        found[size] = [_asked_of(part, asked, known, seed) for part in parts]
    return _curve(found)


def sizes_of(rows: int) -> tuple[int, ...]:
    """The sizes to build from so many rows, ascending."""
    sizes = [size for size in SIZES if size <= rows]
    if rows < SIZES[-1] and (not sizes or rows >= WORTH_A_POINT * sizes[-1]):
        sizes.append(rows)
    return tuple(sizes)


def _drawn(records: Iterable[HistoryRecord], count: int, seed: int) -> list[HistoryRecord]:
    """So many records at most, in an order drawn by hashing: the same each time."""

    def place(numbered: tuple[int, HistoryRecord]) -> bytes:
        number, record = numbered
        key = f"learning {seed} {number} {record.prompt}".encode()
        return hashlib.blake2b(key, digest_size=8).digest()

    return [record for _, record in heapq.nsmallest(count, enumerate(records), key=place)]


def _asked_of(
    part: list[HistoryRecord], asked: list[HistoryRecord], encoder: Encoder, seed: int
) -> Evaluation:
    with TemporaryDirectory(prefix="lengthwise-") as folder:
        options = BuildOptions(seed=seed, keep_text=False)
        built = build_index(_Records(part), Path(folder), encoder, options)
        index = LengthIndex.load(built.path, encoder=encoder)
        return evaluate_index(index, asked, protocol="a part of the history")


def _curve(found: dict[int, list[Evaluation]]) -> LearningCurve:
    served = [[e.metrics[e.predictor] for e in parts] for parts in found.values()]
    constant = [[e.metrics[CONSTANT] for e in parts] for parts in found.values()]
    return LearningCurve(
        rows=tuple(found),
        kendall_tau_b=tuple(tuple(m.kendall_tau_b for m in parts) for parts in served),
        mae=tuple(tuple(m.mae for m in parts) for parts in served),
        constant_mae=tuple(tuple(m.mae for m in parts) for parts in constant),
        held_out_rows=served[0][0].rows,
    )

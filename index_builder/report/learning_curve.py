"""Accuracy by the size of the history: of indexes built from more and more of it, and drawn."""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from index_builder.build.builder import BuildOptions, build_index
from index_builder.build.progress import BuildProgress, SilentProgress
from index_builder.evaluation.evaluation import CONSTANT, Evaluation, evaluate_index
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.encoder_wrapper import KnownVectors
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.report.style import BLUE, ORANGE, new_figure, plain_ticks, styled, tokens

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 50_000)
"""Rows built from: about three times as many each time; beyond the last little is gained."""

MAX_HELD_OUT_ROWS = 5_000
"""Enough for a curve; the evaluation itself asks about all."""

PARTS = 3
"""Parts drawn of each size, as far as the rows suffice: a hundred rows may be lucky ones."""

WORTH_A_POINT = 1.25
"""The whole history is a size of its own if it is so much larger than the last."""


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What indexes built from parts of a history made of the same held-out rows.

    Args:
        rows: Sizes of the parts, ascending.
        kendall_tau_b: Of each size, one for each part drawn; None where all answers were the same.
        mae: Mean absolute error in the same order, in tokens.
        constant_mae: The same for the LLM's median, in tokens.
        held_out_rows: How many rows were asked about.
    """

    rows: tuple[int, ...]
    kendall_tau_b: tuple[tuple[float | None, ...], ...]
    mae: tuple[tuple[float, ...], ...]
    constant_mae: tuple[tuple[float, ...], ...]
    held_out_rows: int


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
        seed: Decides which rows are drawn.
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
    known = KnownVectors.from_prompts(encoder, (r.prompt for r in [*rows, *asked]), progress.rows)
    found: dict[int, list[Evaluation]] = {}
    for size in sizes_of(len(rows)):
        progress.stage(f"Learning curve: {size:,} rows")
        parts = [rows[i * size : (i + 1) * size] for i in range(min(PARTS, len(rows) // size))]
        found[size] = [_asked_of(part, asked, known, seed) for part in parts]
    return _curve_of(found)


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


def _curve_of(found: dict[int, list[Evaluation]]) -> LearningCurve:
    served = [[e.metrics[e.predictor] for e in parts] for parts in found.values()]
    constant = [[e.metrics[CONSTANT] for e in parts] for parts in found.values()]
    return LearningCurve(
        rows=tuple(found),
        kendall_tau_b=tuple(tuple(m.kendall_tau_b for m in parts) for parts in served),
        mae=tuple(tuple(m.mae for m in parts) for parts in served),
        constant_mae=tuple(tuple(m.mae for m in parts) for parts in constant),
        held_out_rows=served[0][0].rows,
    )


@styled
def draw_learning_tau(data: LearningCurve) -> Figure:
    """Kendall tau-b by size."""
    figure = new_figure()
    axes = figure.add_subplot(xscale="log")
    known = [[tau for tau in taus if tau is not None] for taus in data.kendall_tau_b]
    sizes = [size for size, taus in zip(data.rows, known, strict=True) if taus]
    _line(
        axes,
        sizes=sizes,
        values=[taus for taus in known if taus],
        colour=BLUE,
        label="the index",
        style="-o",
    )
    axes.set(ylim=(min(0, axes.get_ylim()[0]), None), ylabel="Kendall tau-b")
    _label_sizes(axes, data)
    return figure


@styled
def draw_learning_mae(data: LearningCurve) -> Figure:
    """MAE by size, beside the constant's."""
    figure = new_figure()
    axes = figure.add_subplot(xscale="log")
    for values, colour, label, style in (
        (data.constant_mae, ORANGE, "the LLM's median", "--s"),
        (data.mae, BLUE, "the index", "-o"),
    ):
        _line(axes, sizes=data.rows, values=values, colour=colour, label=label, style=style)
    axes.set(ylim=(0, None), ylabel="MAE (tokens)")
    axes.legend(loc="lower left")
    _label_sizes(axes, data)
    return figure


def _line(
    axes: Axes,
    *,
    sizes: Sequence[int],
    values: Sequence[Sequence[float]],
    colour: str,
    label: str,
    style: str,
) -> None:
    """A line through the means, in a band from the lowest to the highest part."""
    lows, highs = [min(v) for v in values], [max(v) for v in values]
    axes.fill_between(sizes, lows, highs, color=colour, alpha=0.2, linewidth=0)
    axes.plot(sizes, [sum(v) / len(v) for v in values], style, color=colour, label=label)


def _label_sizes(axes: Axes, data: LearningCurve) -> None:
    plain_ticks(axes.xaxis, data.rows, tokens)
    axes.set_xlabel("rows of history")

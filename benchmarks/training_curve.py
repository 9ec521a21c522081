"""What more rows and more layers bring to a training: `python -m benchmarks.training_curve`.

The same held-out prompts are asked of encoders trained on ever more of the history, and of ever
deeper ones: where the curves still rise, data or model is what is missing, and beside them stands
what the LLM's own chance allows.
"""

import argparse
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.accuracy_tables import POINT_COLUMNS
from benchmarks.options import base_parser, parsed
from benchmarks.report import Report, finish
from benchmarks.say import say
from benchmarks.table import Column, Row, Table
from benchmarks.trained_before import build_trained
from benchmarks.workloads import VICUNA, RecordList, learnt_and_asked, read_records
from index_builder.build.builder import SilentProgress
from index_builder.evaluation.evaluate import evaluate_file
from index_builder.evaluation.evaluation import ANOTHER_DRAW, MEAN_OF_DRAWS
from index_builder.evaluation.metrics import LengthMetrics
from index_builder.training.base_model import BaseModel
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord

EVERY_ROW = 1_000_000
WHOLE = 6
"""Layers of the default encoder."""


@dataclass(frozen=True, slots=True)
class Point:
    """One training: on so many rows at most, of an encoder of so many layers."""

    rows: int
    layers: int

    @property
    def folder(self) -> str:
        """Where its index is kept; the whole training is that of `benchmarks.training`."""
        if self == Point(EVERY_ROW, WHOLE):
            return "vicuna"
        return f"vicuna-{'all' if self.rows == EVERY_ROW else self.rows}-{self.layers}"


POINTS = (
    *(Point(rows, WHOLE) for rows in (1_000, 2_000, 4_000, EVERY_ROW)),
    *(Point(EVERY_ROW, layers) for layers in (2, 4)),
)
CEILINGS = {ANOTHER_DRAW: "the LLM's other draw", MEAN_OF_DRAWS: "mean of its draws"}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("training_curve", "What more rows and layers bring.", repeats=1)
    parser.add_argument(
        "--keep", type=Path, help="folder of trained indexes; those found there are not trained"
    )
    options = parsed(parser, argv)
    learnt, asked = learnt_and_asked(read_records(options.data, VICUNA))
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        kept: Path = options.keep or Path(name)
        points = POINTS[:1] if options.quick else POINTS
        rows = [row for point in points for row in _rows(point, learnt, asked, kept)]
    finish(_report(options, rows), options.json)


def _rows(
    point: Point, learnt: Sequence[HistoryRecord], asked: Sequence[HistoryRecord], kept: Path
) -> list[Row]:
    chosen = learnt[: point.rows]
    say(f"{len(chosen):,} rows, {point.layers} layers")
    with _encoder(point.layers) as base:
        out = kept / point.folder
        built, _ = build_trained(RecordList(chosen), [], out, TrainOptions(), base=base)
    index = LengthIndex.load(built.path)
    evaluation = evaluate_file(index, asked, SilentProgress())
    own = _row(f"{len(chosen):,}", point.layers, evaluation.metrics[evaluation.predictor])
    if point != POINTS[-1]:
        return [own]
    above = [_row(title, None, evaluation.metrics[name]) for name, title in CEILINGS.items()]
    return [own, *above]


@contextmanager
def _encoder(layers: int) -> Generator[str]:
    """The name of the default encoder, or the folder of its first layers alone."""
    if layers == WHOLE:
        yield DEFAULT_ENCODER
        return
    base = BaseModel.load(DEFAULT_ENCODER)
    transformer = base.transformer
    transformer.encoder.layer = transformer.encoder.layer[:layers]
    transformer.config.num_hidden_layers = layers
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        base.model.save(folder)
        yield folder


def _row(learnt: str, layers: int | None, metrics: LengthMetrics) -> Row:
    return {"learnt": learnt, "layers": layers, **metrics.to_dict()}


def _report(options: argparse.Namespace, rows: Sequence[Row]) -> Report:
    columns = [
        Column("learnt", "rows learnt from"),
        Column("layers", "layers"),
        *(one for one in POINT_COLUMNS if one.key != "predictor"),
        Column("shortest_first_gain", "SJF", "{:.1%}"),
    ]
    notes = [
        f"Trained on the first rows of {VICUNA} that are not held out; the fifth that is held out "
        "is asked about. The last two lines are the ceiling: what the LLM's own other answers to "
        "the same prompt tell of an answer.",
        "SJF: of what an order by the true lengths takes off the mean wait in a burst, how much an "
        "order by these takes off.",
        f"Fewer layers than {WHOLE}: the lowest of the default encoder, with mean pooling on top.",
    ]
    title = "By the size of the history and of the encoder"
    return Report(
        "training_curve", options.command, [Table("curve", title, columns, rows, notes)], []
    )


if __name__ == "__main__":
    main()

"""`python -m index_builder build` and `train`, with progress bars."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from index_builder.build.builder import BuildOptions, BuildResult, build_index
from index_builder.build.train_and_build import train_and_build
from index_builder.cli.option_groups import (
    DeviceOption,
    EncoderOption,
    HistoryOption,
    JsonOption,
    PrecisionOption,
    with_read_options,
    with_train_options,
)
from index_builder.cli.progress import TerminalProgress, TerminalTraining, terminal_progress
from index_builder.cli.tables import print_evaluation
from index_builder.training.options import TrainOptions
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Device, Precision, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS
from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """A build as the command line asks for it.

    Args:
        source: The history that is indexed.
        out_dir: Folder of the store that is published to.
        encoder: Name or folder of the encoder, or of what its training starts from.
        device: Where encoder and training run.
        precision: That prompts are encoded in.
        options: How the index is built.
        training: How the encoder is trained; None takes it as it is.
        learn_first: Other LLMs' histories, for training.
    """

    source: History
    out_dir: Path
    encoder: str
    device: Device
    precision: Precision
    options: BuildOptions
    training: TrainOptions | None
    learn_first: Iterable[HistoryRecord]

    def run(self, console: Console) -> BuildResult:
        """Build, telling `console` how it goes."""
        with terminal_progress(self.source) as progress:
            result = self._train(progress) if self.training else self._build(progress)
        console.print(self.source.report.summary(), highlight=False)
        return result

    def _build(self, progress: TerminalProgress) -> BuildResult:
        encoder = load_encoder(self.encoder, device=self.device, precision=self.precision)
        progress.note(f"Encoder {encoder.name}, running on {encoder.runtime}")
        return build_index(
            self.source,
            self.out_dir,
            encoder,
            self.options,
            skipped_rows=self._skipped,
            progress=progress,
        )

    def _train(self, progress: TerminalProgress) -> BuildResult:
        progress.note(f"Training starts from encoder {self.encoder}")
        return train_and_build(
            self.source,
            self.out_dir,
            self.encoder,
            self.options,
            self.training,
            learn_first=self.learn_first,
            device=self.device,
            precision=self.precision,
            skipped_rows=self._skipped,
            training_progress=TerminalTraining(progress.bars),
            progress=progress,
        )

    def _skipped(self) -> int:
        return self.source.report.total_skipped


out = Console()
err = Console(stderr=True)

OutOption = Annotated[Path, typer.Option("--out", help="The store to publish to.")]
LevelsOption = Annotated[str, typer.Option(help="Levels given in every answer, from 0.01 to 0.99.")]
KeepTextOption = Annotated[
    bool, typer.Option(help="Store prompts, to show neighbours' text when asked.")
]
SeedOption = Annotated[int, typer.Option(help="Of what chance decides in fitting and training.")]
LearnFirstOption = Annotated[
    list[str] | None,
    typer.Option(
        "--learn-first",
        help="Other LLMs' histories to learn from before this one, when training; read with the "
        "same options.",
    ),
]
DEFAULT_LEVELS = ",".join(map(str, DEFAULT_QUANTILE_LEVELS))
"""As they are typed."""


@with_train_options
@with_read_options
def build(
    *,
    history: HistoryOption,
    out_dir: OutOption,
    reading: ReadOptions,
    training: TrainOptions,
    train: Annotated[
        bool, typer.Option("--train", help="Train the encoder on the history first.")
    ] = False,
    learn_first: LearnFirstOption = None,
    encoder: EncoderOption = DEFAULT_ENCODER,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    quantile_levels: LevelsOption = DEFAULT_LEVELS,
    keep_text: KeepTextOption = True,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Read a history, build an index and make it the store's current version."""
    if learn_first and not train:
        raise InvalidInputError("--learn-first is for training: give --train as well")
    job = BuildJob(
        source=History.from_paths(history, reading),
        out_dir=out_dir,
        encoder=encoder,
        device=device,
        precision=precision,
        options=BuildOptions(_parse_levels(quantile_levels), keep_text, seed, reading.on_error),
        training=replace(training, seed=seed) if train else None,
        learn_first=History.from_paths(learn_first, reading) if learn_first else (),
    )
    _print_built(job.run(err), as_json=as_json)


@with_train_options
@with_read_options
def train(
    *,
    history: HistoryOption,
    out_dir: OutOption,
    reading: ReadOptions,
    training: TrainOptions,
    learn_first: LearnFirstOption = None,
    encoder: EncoderOption = DEFAULT_ENCODER,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    quantile_levels: LevelsOption = DEFAULT_LEVELS,
    keep_text: KeepTextOption = True,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the encoder on a history's lengths, then build as `build --train` does."""
    job = BuildJob(
        source=History.from_paths(history, reading),
        out_dir=out_dir,
        encoder=encoder,
        device=device,
        precision=precision,
        options=BuildOptions(_parse_levels(quantile_levels), keep_text, seed, reading.on_error),
        training=replace(training, seed=seed),
        learn_first=History.from_paths(learn_first, reading) if learn_first else (),
    )
    _print_built(job.run(err), as_json=as_json)


def _parse_levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInputError(
            f"--quantile-levels is {text!r}: expected numbers with commas between, as in 0.05,0.5"
        ) from error


def _print_built(result: BuildResult, *, as_json: bool) -> None:
    if as_json:
        evaluation = result.evaluation.to_dict() if result.evaluation else None
        content = {"path": str(result.path), "version": result.manifest.version}
        typer.echo(json.dumps({**content, "rows": result.manifest.rows, "evaluation": evaluation}))
        return
    if result.evaluation:
        print_evaluation(out, result.evaluation)
    out.print(f"Index {result.manifest.version} is current: {result.path}", highlight=False)

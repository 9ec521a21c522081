"""`python -m index_builder build` and `train`."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from index_builder.cli.build_job import BuildJob, build_of_parts, encode_and_build
from index_builder.cli.encode_job import EncodeJob
from index_builder.cli.engine_options import EngineOption, WorkerOptions, with_worker_options
from index_builder.cli.option_groups import (
    HistoryOption,
    IndexFlags,
    JsonOption,
    with_index_options,
    with_read_options,
    with_train_options,
)
from index_builder.cli.student_options import StudentFlags, StudentRequest, with_student_options
from index_builder.cli.tables import print_evaluation
from index_builder.distributed.place import is_url
from index_builder.distributed.publishing import PublishedIndex
from index_builder.distributed.selection import DEFAULT_KEEP_PER_MODEL
from index_builder.training.options import TrainOptions
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord

console = Console()
err = Console(stderr=True)

OutOption = Annotated[Path, typer.Option("--out", help="The store to publish to.")]
PlaceOption = Annotated[
    str,
    typer.Option(
        "--out",
        help="The store to publish to; from encoded parts also a URL such as s3://bucket/prefix.",
    ),
]
LearnFirstOption = Annotated[
    list[str] | None,
    typer.Option(
        "--learn-first",
        help="Other LLMs' histories to learn from before this one, when training; read with the "
        "same options.",
    ),
]
MaybeHistoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--history",
        help="Files, folders or globs of past prompts and lengths: JSON lines, CSV or Parquet; "
        "with --engine ray also URLs.",
    ),
]
EncodedOption = Annotated[
    str | None,
    typer.Option(
        "--encoded",
        help="Parts that `encode` has written, in place of --history; with --engine ray where "
        "they stay.",
    ),
]
MaybeKeepOption = Annotated[
    int | None,
    typer.Option(
        "--keep-per-model",
        help="With --engine ray: rows of each LLM that are encoded, about, 0 for all "
        f"[default: {DEFAULT_KEEP_PER_MODEL:,}].",
    ),
]


@with_train_options
@with_read_options
@with_worker_options
@with_student_options
@with_index_options
def build(
    *,
    history: MaybeHistoryOption = None,
    out: PlaceOption,
    reading: ReadOptions,
    training: TrainOptions,
    workers: WorkerOptions,
    train: Annotated[
        bool, typer.Option("--train", help="Train the encoder on the history first.")
    ] = False,
    learn_first: LearnFirstOption = None,
    student: StudentFlags,
    encoded: EncodedOption = None,
    engine: EngineOption = "local",
    keep_per_model: MaybeKeepOption = None,
    index: IndexFlags,
    as_json: JsonOption = False,
) -> None:
    """Read a history, build an index and make it the store's current version."""
    options = index.build_options(reading.on_error, student.cascade_loss)
    smaller = StudentRequest.from_flags(student, reading)
    if smaller.is_asked and not train:
        raise InvalidInputError(
            "a smaller encoder and a first tier come of a training: give --train as well"
        )
    if not history:
        if encoded is None or engine != "local":
            raise typer.BadParameter("missing: give it, or --encoded alone", param_hint="--history")
        result = build_of_parts(encoded, out, options, err)
    elif engine == "local":
        for_ray = encoded is not None or keep_per_model is not None or workers != WorkerOptions()
        _check_local(out, for_ray=for_ray)
        job = BuildJob(
            source=History.from_paths(history, reading),
            out_dir=Path(out),
            encoder=index.encoder,
            device=index.device,
            precision=index.precision,
            options=options,
            training=replace(training, seed=index.seed) if train else None,
            learn_first=_learnt_first(learn_first, reading, train=train),
            student=smaller,
        )
        result = job.run(err)
    else:
        if train or learn_first:
            raise InvalidInputError(
                "--train is not for --engine ray: train on a sample, then give the folder "
                "`encoder` of that version as --encoder"
            )
        encoding = EncodeJob(
            history=history,
            reading=reading,
            encoder=index.encoder,
            device=index.device,
            precision=index.precision,
            keep_per_model=DEFAULT_KEEP_PER_MODEL if keep_per_model is None else keep_per_model,
            engine=engine,
            workers=workers,
        )
        result = encode_and_build(encoding, encoded, out, options, err)
    _print_built(result, as_json=as_json)


def _check_local(out: str, *, for_ray: bool) -> None:
    """Refuse what a build whose prompts this process encodes cannot do."""
    if for_ray:
        raise InvalidInputError(
            "--history with --encoded, --keep-per-model or --workers is for --engine ray"
        )
    if is_url(out):
        raise InvalidInputError(
            f"--out is {out}: expected a folder; only builds of encoded parts publish to a URL "
            "(--encoded, --engine ray)"
        )


def _learnt_first(
    histories: list[str] | None, reading: ReadOptions, *, train: bool
) -> Iterable[HistoryRecord]:
    if histories and not train:
        raise InvalidInputError("--learn-first is for training: give --train as well")
    return History.from_paths(histories, reading) if histories else ()


@with_train_options
@with_read_options
@with_student_options
@with_index_options
def train(
    *,
    history: HistoryOption,
    out_dir: OutOption,
    reading: ReadOptions,
    training: TrainOptions,
    learn_first: LearnFirstOption = None,
    student: StudentFlags,
    index: IndexFlags,
    as_json: JsonOption = False,
) -> None:
    """Train the encoder on a history's lengths, then build as `build --train` does."""
    job = BuildJob(
        source=History.from_paths(history, reading),
        out_dir=out_dir,
        encoder=index.encoder,
        device=index.device,
        precision=index.precision,
        options=index.build_options(reading.on_error, student.cascade_loss),
        training=replace(training, seed=index.seed),
        learn_first=_learnt_first(learn_first, reading, train=True),
        student=StudentRequest.from_flags(student, reading),
    )
    _print_built(job.run(err), as_json=as_json)


def _print_built(result: PublishedIndex, *, as_json: bool) -> None:
    if as_json:
        evaluation = result.evaluation.to_dict() if result.evaluation else None
        content = {"path": result.where, "version": result.manifest.version}
        typer.echo(json.dumps({**content, "rows": result.manifest.rows, "evaluation": evaluation}))
        return
    if result.evaluation:
        print_evaluation(console, result.evaluation)
    if result.no_first_tier:
        err.print(result.no_first_tier, highlight=False)
    console.print(f"Index {result.manifest.version} is current: {result.where}", highlight=False)

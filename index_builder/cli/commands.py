"""python -m index_builder build | evaluate | rebuild | inspect | versions | use | rollback."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from index_builder.baselines.registry import peer_names
from index_builder.build.builder import BuildOptions, BuildResult
from index_builder.cli.build_job import BuildJob
from index_builder.cli.option_groups import with_read_options, with_train_options
from index_builder.cli.progress import terminal_progress
from index_builder.cli.rebuild_command import rebuild
from index_builder.cli.tables import (
    evaluation_notes,
    evaluation_table,
    manifest_table,
    models_table,
)
from index_builder.cli.version_commands import rollback, use, versions
from index_builder.evaluation.evaluate import evaluate_file, evaluate_split
from index_builder.evaluation.evaluation import Evaluation
from index_builder.report.job import ReportJob
from index_builder.training.options import TrainOptions
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS, LengthIndex
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.layout import ArtifactLayout, check_files, read_manifest
from lengthwise.index.store.store import resolve_artifact

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build an index of past prompts and their output lengths, and see how well it predicts.",
)
out = Console()
err = Console(stderr=True)

HistoryOption = Annotated[
    list[str],
    typer.Option(
        "--history",
        help="Files, folders or globs of past prompts and lengths: JSON lines, CSV or Parquet.",
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option(
        envvar="LENGTHWISE_ENCODER", help="A sentence-transformers model: its name or folder."
    ),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(envvar="LENGTHWISE_DEVICE", help="Where the encoder runs."),
]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(envvar="LENGTHWISE_PRECISION", help="Precision of the encoder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON.")]


def _parse_levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInputError(
            f"--quantile-levels is {text!r}: expected numbers with commas between, as in 0.05,0.5"
        ) from error


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


@app.command()
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


@app.command()
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


def _print_built(result: BuildResult, *, as_json: bool) -> None:
    if as_json:
        evaluation = result.evaluation.to_dict() if result.evaluation else None
        content = {"path": str(result.path), "version": result.manifest.version}
        typer.echo(json.dumps({**content, "rows": result.manifest.rows, "evaluation": evaluation}))
        return
    if result.evaluation:
        _print_evaluation(result.evaluation)
    out.print(f"Index {result.manifest.version} is current: {result.path}", highlight=False)


def _print_evaluation(evaluation: Evaluation) -> None:
    out.print(evaluation_table(evaluation))
    for note in evaluation_notes(evaluation):
        out.print(note, highlight=False)


@app.command()
@with_read_options
def evaluate(
    *,
    history: HistoryOption,
    reading: ReadOptions,
    index: Annotated[
        Path | None,
        typer.Option(help="The index to ask; without it, one is built from a part of the history."),
    ] = None,
    holdout: Annotated[
        float, typer.Option(help="Without --index: the share of rows to predict.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Without --index: which rows are held out.")] = 0,
    encoder: EncoderOption = DEFAULT_ENCODER,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    peers: Annotated[
        str,
        typer.Option(
            help="Published predictors to print beside it: cheap, all, none, or names with commas "
            "between (median, lexical, alise, ssjf-l1, ssjf-mse, ssjf-5class, ssjf-ordinal)."
        ),
    ] = "cheap",
    output: Annotated[Path | None, typer.Option(help="Also write the JSON here.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page with pictures to this folder.")
    ] = None,
    learning_curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve",
            help="With --report, without --index: also build from parts of the history.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Predict rows with known lengths, and compare."""
    if output is not None and not output.absolute().parent.is_dir():
        raise InvalidInputError(f"--output is {output}: expected a file in a folder that exists")
    names = peer_names(peers)
    job = ReportJob(report, learning_curve=learning_curve, split=index is None)
    source = History.from_paths(history, reading)
    with terminal_progress(source) as progress:
        if index is not None:
            loaded = LengthIndex.load(index, device=device, precision=precision)
            evaluation = evaluate_file(loaded, source, progress, peers=names, seed=seed)
        else:
            model = load_encoder(encoder, device=device, precision=precision)
            evaluation = evaluate_split(source, model, holdout, seed, progress, peers=names)
            job.measure(source, model, holdout, seed, progress)
    text = json.dumps(evaluation.to_dict(), indent=1)
    if output is not None:
        output.write_text(text + "\n", "utf-8")
    page = job.write(evaluation)
    if as_json:
        typer.echo(text)
    else:
        _print_evaluation(evaluation)
    if page is not None:
        err.print(f"Report: {page}", highlight=False)


app.command()(rebuild)
app.command()(versions)
app.command()(use)
app.command()(rollback)


IndexOption = Annotated[
    Path, typer.Option("--index", help="An index store, or one version's folder.")
]


@app.command()
def inspect(index: IndexOption, as_json: JsonOption = False) -> None:
    """Show what an index holds, after checking every file of it."""
    layout = ArtifactLayout(resolve_artifact(index))
    manifest = read_manifest(layout)
    check_files(layout, manifest)
    models = HistoryRows.read(layout.rows).summaries()
    evaluation = json.loads(layout.evaluation.read_text("utf-8"))
    if as_json:
        content = json.loads(manifest.to_json())
        content["models"] = [
            {"model": m.model, "rows": m.rows, "median_tokens": m.median_tokens} for m in models
        ]
        typer.echo(json.dumps({**content, "evaluation": evaluation}, indent=1))
        return
    out.print(manifest_table(manifest))
    out.print(models_table(models))
    if evaluation:
        out.print(evaluation_table(Evaluation.from_dict(evaluation)))

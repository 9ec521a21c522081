"""`python -m index_builder evaluate`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from index_builder.baselines.registry import baseline_names
from index_builder.cli.option_groups import (
    DeviceOption,
    EncoderOption,
    HistoryOption,
    JsonOption,
    PrecisionOption,
    with_read_options,
)
from index_builder.cli.progress import terminal_progress
from index_builder.cli.tables import print_evaluation
from index_builder.evaluate import evaluate_file, evaluate_split
from index_builder.report.job import ReportJob
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex

out = Console()
err = Console(stderr=True)


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
    baselines: Annotated[
        str,
        typer.Option(
            "--peers",
            "--baselines",
            help="Published predictors to print beside it: cheap, all, none, or names with commas "
            "between (median, lexical, alise, ssjf-l1, ssjf-mse, ssjf-5class, ssjf-ordinal).",
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
    names = baseline_names(baselines)
    job = ReportJob(report, learning_curve=learning_curve, split=index is None)
    source = History.from_paths(history, reading)
    with terminal_progress(source) as progress:
        if index is not None:
            loaded = LengthIndex.load(index, device=device, precision=precision)
            evaluation = evaluate_file(loaded, source, progress, baselines=names, seed=seed)
        else:
            model = load_encoder(encoder, device=device, precision=precision)
            evaluation = evaluate_split(source, model, holdout, seed, progress, baselines=names)
            job.measure(source, model, holdout, seed, progress)
    text = json.dumps(evaluation.to_dict(), indent=1)
    if output is not None:
        output.write_text(text + "\n", "utf-8")
    page = job.write(evaluation)
    if as_json:
        typer.echo(text)
    else:
        print_evaluation(out, evaluation)
    if page is not None:
        err.print(f"Report: {page}", highlight=False)

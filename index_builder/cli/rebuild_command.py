"""`python -m index_builder rebuild`."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from index_builder.cli.option_groups import (
    DeviceOption,
    PrecisionOption,
    with_dataclass,
    with_train_options,
)
from index_builder.cli.student_options import CascadeLossOption
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import RoundOutcome
from index_builder.rebuild.progress import RoundProgress, StopRoundError
from index_builder.rebuild.schedule import failed, run_every, stop_on_signals
from index_builder.rebuild.work_folder import work_folder
from index_builder.training.options import TrainOptions
from lengthwise.errors import LengthwiseError
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.errors import InvalidInputError, MissingExtraError
from lengthwise.index.store import Published

STOPPED_EXIT_CODE = 143
"""As if the signal had ended the process: the one round that was asked for was not done."""

HELP = {
    "min_new_rows": "With fewer usable new rows nothing is done yet.",
    "keep_rows": "Rows kept in all, the newest.",
    "max_rows_per_model": "Rows kept of one LLM, the newest; 0 for any number.",
    "max_duplicates": "Rows kept of one prompt answered by one LLM; 0 for any number.",
    "holdout_rows": "Newest rows that both versions are compared on, at most; never more than a "
    "quarter of the new ones.",
    "tolerate_mae": "How much larger the mean absolute error may be, as a share.",
    "tolerate_tau": "How much lower Kendall's tau-b may be.",
    "tolerate_coverage": "How much farther the 90 % interval may fall short of 90 %.",
    "keep_versions": "Versions left after publishing.",
    "max_caller_share": "Share of the rows that one caller's may be, of those that are known.",
    "tolerate_others": "How much worse rows of others than a caller may be predicted for taking in "
    "that caller's, as a share of their mean length.",
    "model_context": "NAME=TOKENS, several with commas: longer lengths are cut to it.",
    "from_sequence": "Take rows of the history after this one, until a version was published; -1 "
    "goes on where the live version ended.",
    "seed": "Of whatever chance decides.",
}
"""Help of each field of `RebuildOptions`."""

with_rebuild_options = with_dataclass("options", RebuildOptions, HELP, "Rebuilding")

err = Console(stderr=True)


@with_train_options
@with_rebuild_options
def rebuild(
    *,
    store: Annotated[
        str,
        typer.Option(
            "--store",
            envvar="LENGTHWISE_COMPLETIONS",
            help="The history: a SQLite file, sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
        ),
    ],
    index_store: Annotated[
        str,
        typer.Option(
            "--index-store",
            envvar="LENGTHWISE_INDEX",
            help="Where versions are published: a folder, or a URL such as s3://bucket/prefix.",
        ),
    ],
    options: RebuildOptions,
    training: TrainOptions,
    train: Annotated[bool, typer.Option("--train", help="Train the encoder anew.")] = False,
    cascade_loss: CascadeLossOption = None,
    encoder: Annotated[
        str,
        typer.Option(
            envvar="LENGTHWISE_ENCODER",
            help="Used where nothing was published yet: name or folder.",
        ),
    ] = DEFAULT_ENCODER,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    every: Annotated[
        float, typer.Option("--every", help="Seconds between rounds; 0 does one and ends.")
    ] = 0.0,
    leave_out_caller: Annotated[
        list[str] | None,
        typer.Option(
            "--leave-out-caller",
            help="A caller whose rows are taken out and not taken in, such as 'token engine-3'; "
            "may be given again.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only JSON, one line for each round.")
    ] = False,
) -> None:
    """Take what is new in a history into the index, if that makes it better.

    Ends with 0 where a version was published or nothing is new, 3 where the new version predicts
    worse and was refused, 4 where another version became current meanwhile, 1 where it failed.
    """
    if cascade_loss is not None and not train:
        raise InvalidInputError("--cascade-loss is for training: give --train as well")
    if every < 0:
        raise InvalidInputError(f"--every is {every}: expected 0 or more seconds")
    try:
        from index_builder.rebuild.round import Rebuild  # noqa: PLC0415  needs SQLAlchemy
    except ModuleNotFoundError as error:
        raise MissingExtraError.for_module(str(error.name), "service") from error
    stop = Event()
    progress = RoundProgress(lambda line: err.print(line, highlight=False), stop)

    def tell(outcome: RoundOutcome) -> None:
        _print(outcome, as_json=as_json)

    with work_folder() as cache, stop_on_signals(stop):
        job = Rebuild(
            history=store,
            place=Published.at(index_store),
            options=options,
            training=replace(training, seed=options.seed) if train else None,
            cascade_loss=cascade_loss,
            encoder=encoder,
            device=device,
            precision=precision,
            cache=cache,
            leave_out_callers=frozenset(leave_out_caller or ()),
        )
        if every:

            def next_round() -> RoundOutcome:
                nonlocal job
                outcome = job.run(progress)
                job = job.after(outcome)
                return outcome

            run_every(every, next_round, tell, stop)
            return
        outcome = _one_round(lambda: job.run(progress))
    tell(outcome)
    raise typer.Exit(outcome.ending.exit_code)


def _one_round(rebuild: Callable[[], RoundOutcome]) -> RoundOutcome:
    try:
        return rebuild()
    except StopRoundError:
        err.print("Stopped: nothing was published", highlight=False)
        raise typer.Exit(STOPPED_EXIT_CODE) from None
    except (LengthwiseError, OSError) as error:
        return failed(error)


def _print(outcome: RoundOutcome, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(outcome.to_dict()))
        sys.stdout.flush()
        return
    for line in outcome.lines():
        typer.echo(line)
    sys.stdout.flush()

"""python -m serving_sim run | calibrate | reproduce | what-if | fleet."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from serving_sim.calibration import calibrate
from serving_sim.cli.fleet import fleet
from serving_sim.cli.options import (
    DEFAULT_PROFILE,
    LengthsOption,
    ProfileOption,
    ReportOption,
    RequestsOption,
    RowsOption,
    SeedsOption,
    SlotsOption,
)
from serving_sim.cli.output import err, out, progress_bar, summary_table, write_json
from serving_sim.cli.run_setup import engine_of, numbers, workload_of
from serving_sim.engine.engine import Engine
from serving_sim.engine.profile import Profile
from serving_sim.engine_run import EngineRun, read_records
from serving_sim.errors import SimulationError
from serving_sim.experiment import Experiment
from serving_sim.policies.registry import POLICY_NAMES, PolicyChoice
from serving_sim.reproduce.headlines import reproduce as compute_headlines
from serving_sim.reproduce.headlines import requests_in_all, tables
from serving_sim.result import Summary
from serving_sim.workload.length_table import DEFAULT_INPUT_TOKENS
from serving_sim.workload.predictor import PREDICTOR_SYNTAX, Predictor

if TYPE_CHECKING:
    from serving_sim.what_if.job import WhatIfJob

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulate what a scheduling policy would give, in virtual time.",
)
app.command()(fleet)


@app.callback()
def commands() -> None:
    """Simulate what a scheduling policy would give, in virtual time."""


@app.command()
def run(
    *,
    policy: Annotated[
        str,
        typer.Option(
            help=f"Names with commas between: {', '.join(POLICY_NAMES)}; with oracle- before one "
            "it gets the true lengths."
        ),
    ] = "fcfs,lengthwise,oracle-sjf",
    lengths: LengthsOption = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            help="Arrivals in its proportions: BurstGPT, Azure's or Mooncake's as published, "
            "or a log with times and lengths."
        ),
    ] = None,
    poisson: Annotated[
        float | None, typer.Option(help="Requests per second, in place of --load.")
    ] = None,
    cv: Annotated[
        float, typer.Option(help="Without a trace: variation of the gaps; 1 is Poisson.")
    ] = 1.0,
    load: Annotated[
        str, typer.Option(help="Shares of what the engine can serve, with commas between.")
    ] = "0.7,0.9,1.1",
    predict: Annotated[
        str,
        typer.Option("--predict", help=f"Where predicted lengths come from: {PREDICTOR_SYNTAX}."),
    ] = "noise:0.6",
    batching: Annotated[str, typer.Option(help="none, dynamic or continuous.")] = "continuous",
    slots: SlotsOption = 32,
    requests: RequestsOption = 2000,
    seeds: SeedsOption = 3,
    profile: ProfileOption = DEFAULT_PROFILE,
    kv_blocks: Annotated[
        int | None, typer.Option(help="Blocks of keys and values, if not the profile's.")
    ] = None,
    step_tokens: Annotated[int, typer.Option(help="Tokens that a step computes.")] = 2048,
    swap: Annotated[
        bool, typer.Option("--swap", help="Preempted requests are swapped, not computed again.")
    ] = False,
    input_tokens: Annotated[
        int | None,
        typer.Option(
            help=f"Of prompts, where the file does not say; {DEFAULT_INPUT_TOKENS} for --lengths."
        ),
    ] = None,
    json_path: RowsOption = None,
) -> None:
    """Serve the same requests under each policy, at each load and seed."""
    figures = Profile.from_name(profile)
    engine = engine_of(
        figures,
        batching,
        slots,
        kv_blocks=kv_blocks,
        step_tokens=step_tokens,
        swapping=swap,
    )
    choices = [PolicyChoice(name) for name in policy.split(",")]
    loads = numbers(load, "--load")
    workload = workload_of(
        lengths,
        trace,
        cv,
        Predictor.from_text(predict),
        input_tokens=input_tokens,
        max_tokens=figures.max_model_tokens,
    )
    for note in workload.lengths.notes:
        err.print(note, highlight=False)
    experiment = Experiment(workload, engine, figures.cost, choices, range(seeds), requests)
    points = 1 if poisson is not None else len(loads)
    rows: list[Summary] = []
    with progress_bar("Requests served", points * seeds * len(choices) * requests) as advance:
        if poisson is not None:
            runs = experiment.at_rate(poisson, None, advance)
        else:
            runs = experiment.at_loads(loads, advance)
        rows.extend(one.summary for one in runs)
    if json_path is not None:
        write_json(json_path, [row.to_dict() for row in rows])
    out.print(summary_table(rows))


@app.command()
def reproduce(
    *,
    data: Annotated[Path, typer.Option(help="Folder of the public data sets.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes: does it run at all?")
    ] = False,
    json_path: RowsOption = None,
) -> None:
    """Compute the published headlines of SSJF and ALISE anew."""
    with progress_bar("Requests simulated", requests_in_all(quick=quick)) as advance:
        headlines = compute_headlines(data, quick=quick, on_progress=advance)
    if json_path is not None:
        write_json(json_path, headlines.to_dict())
    for table in tables(headlines):
        out.print(table)


@app.command("calibrate")
def fit(
    *,
    records: Annotated[
        Path,
        typer.Option(
            help="JSON lines of what a real engine did: arrival_s, first_token_s, finished_s, "
            "input_tokens, output_tokens."
        ),
    ],
    save_to: Annotated[Path, typer.Option("--out", help="The profile to write.")],
    slots: Annotated[int, typer.Option(help="That it ran with (max_num_seqs).")],
    name: Annotated[str, typer.Option(help="Of the engine and its LLM.")] = "calibrated",
    kv_blocks: Annotated[
        int | None, typer.Option(help="Its blocks of keys and values; by default enough.")
    ] = None,
    block_tokens: Annotated[int, typer.Option(help="Of a block.")] = 16,
    step_tokens: Annotated[int, typer.Option(help="max_num_batched_tokens.")] = 2048,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Fit the cost of a step to a run of a real engine, first come first served."""
    run_of_it = EngineRun.from_records(read_records(records))
    engine = Engine(
        slots=slots,
        kv_blocks=kv_blocks,
        block_tokens=block_tokens,
        step_tokens=max(step_tokens, slots),
    )
    with Console(stderr=True).status("Fitting"):
        fitted = calibrate(run_of_it, engine)
    profile = Profile(
        name,
        f"Fitted to {fitted.records:,} requests of a real engine with {slots} slots",
        fitted.cost,
        kv_blocks,
        block_tokens,
        outside_s=fitted.outside_s,
    )
    write_json(save_to, profile.to_dict())
    if as_json:
        typer.echo(json.dumps(asdict(fitted)))
        return
    for constant, value in fitted.cost.to_dict().items():
        out.print(f"{constant:16} {value:.3g}", highlight=False)
    out.print(
        f"Mean error of completion times {fitted.jct_error:.1%}, of times to first token "
        f"{fitted.ttft_error:.1%}: {save_to}",
        highlight=False,
    )


@app.command("what-if")
def what_if(
    *,
    history: Annotated[
        list[str], typer.Option("--history", help="Your log: JSON lines, CSV or Parquet.")
    ],
    prompt_column: Annotated[
        str | None, typer.Option(help="Of the log, where its row schema is not recognised.")
    ] = None,
    output_tokens_column: Annotated[
        str | None, typer.Option(help="Of the log, where it is not recognised.")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="Names with commas between; the first is compared with.")
    ] = "fcfs,lengthwise,lengthwise:shortest,oracle-sjf",
    load: Annotated[
        str, typer.Option(help="Shares of what the engine can serve.")
    ] = "0.5,0.7,0.9,1.1,1.5",
    cv: Annotated[float, typer.Option(help="Variation of the arrivals' gaps; 1 is Poisson.")] = 1.0,
    slots: SlotsOption = 32,
    requests: RequestsOption = 2000,
    seeds: SeedsOption = 5,
    folds: Annotated[int, typer.Option(help="Of the cross-validation.")] = 3,
    profile: ProfileOption = DEFAULT_PROFILE,
    limit_s: Annotated[
        float | None,
        typer.Option(help="On the mean completion time; by default twice that at the lowest load."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="A sentence-transformers model; by default the packaged one.")
    ] = None,
    report: ReportOption = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here.")
    ] = None,
) -> None:
    """Learn from your log, predict it fold by fold, and serve it under each policy."""
    figures = Profile.from_name(profile)
    engine = engine_of(
        figures, "continuous", slots, kv_blocks=None, step_tokens=2048, swapping=False
    )
    choices = [PolicyChoice(name) for name in policy.split(",")]
    job = _what_if_job()(
        history,
        engine,
        figures,
        choices,
        numbers(load, "--load"),
        seeds=range(seeds),
        requests=requests,
        folds=folds,
        cv=cv,
    )
    records = job.read(prompt_column, output_tokens_column)
    with progress_bar("Prompts encoded", len(records)) as advance:
        learnt = job.learn(records, encoder, advance)
    with progress_bar("Requests served", job.served) as advance:
        found = job.run(learnt, limit_s, advance)
    if json_path is not None:
        write_json(json_path, found.to_dict())
    out.print(job.table(found))
    if report is not None:
        out.print(f"Report: {job.write_page(found, report)}", highlight=False)


def _what_if_job() -> "type[WhatIfJob]":
    """Imported when it is wanted: it needs what builds an index and draws, `run` does not."""
    try:
        from serving_sim.what_if.job import WhatIfJob  # noqa: PLC0415  as said
    except ImportError as error:
        raise SimulationError(
            f"what-if needs {error.name}: install it with pip install 'lengthwise[sim,report]'"
        ) from error
    return WhatIfJob

"""python -m serving_sim fleet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.slo import Slo
from autoscaler.errors import AutoscalerError
from serving_sim.cli.options import LengthsOption, ReportOption, RowsOption, SeedsOption
from serving_sim.cli.output import err, out, progress_bar, write_json
from serving_sim.cli.run_setup import workload_of
from serving_sim.errors import SimulationError
from serving_sim.fleet.contenders import CONTENDER_NAMES, FleetSetting, contender
from serving_sim.fleet.experiment import FleetRun, FleetWorkload, compare
from serving_sim.fleet.figures import TITLES, cells
from serving_sim.fleet.result import FleetSummary
from serving_sim.narrow_table import narrow_table
from serving_sim.workload.length_table import DEFAULT_INPUT_TOKENS
from serving_sim.workload.predictor import PREDICTOR_SYNTAX, Predictor


def fleet(
    *,
    policy: Annotated[
        str,
        typer.Option(help=f"With commas between: {', '.join(CONTENDER_NAMES)}, or name:NUMBER."),
    ] = "llumnix,utilisation,requests,chiron,occupancy,lengthwise",
    lengths: LengthsOption = None,
    trace: Annotated[
        Path | None, typer.Option(help="Arrivals in its proportions: any trace that `run` takes.")
    ] = None,
    cv: Annotated[float, typer.Option(help="Without a trace: variation of the gaps.")] = 1.0,
    rate: Annotated[float, typer.Option(help="Interactive requests per second.")] = 20.0,
    requests: Annotated[int, typer.Option(help="Interactive ones of one simulation.")] = 20_000,
    batch_share: Annotated[float, typer.Option(help="Batch requests for each of them.")] = 0.3,
    job_every_s: Annotated[float, typer.Option(help="Between two batch jobs.")] = 1800.0,
    deadline_s: Annotated[float, typer.Option(help="Of a batch job.")] = 3600.0,
    predict: Annotated[
        str, typer.Option(help=f"Where predicted lengths come from: {PREDICTOR_SYNTAX}.")
    ] = "noise:0.6",
    seeds: SeedsOption = 3,
    ttft_s: Annotated[float, typer.Option(help="SLO of the first token.")] = 10.0,
    itl_s: Annotated[float, typer.Option(help="SLO between two tokens.")] = 0.2,
    slots: Annotated[int, typer.Option(help="Requests at once of an instance.")] = 256,
    step_s: Annotated[float, typer.Option(help="Seconds of a decoding step.")] = 0.03,
    sequence_s: Annotated[float, typer.Option(help="More for each request in it.")] = 0.0004,
    prefill_token_s: Annotated[float, typer.Option(help="For each prompt token.")] = 5e-5,
    start_up_s: Annotated[float, typer.Option(help="Until an instance serves.")] = 60.0,
    least: Annotated[int, typer.Option(help="Instances at least, and at the start.")] = 1,
    most: Annotated[int, typer.Option(help="Instances of a pool at most.")] = 100,
    report: ReportOption = None,
    json_path: RowsOption = None,
) -> None:
    """Serve both classes with a fleet that each policy scales, and say what it costs."""
    try:
        capacity = InstanceCapacity(slots, step_s, sequence_s, prefill_token_s, start_up_s)
        slo = Slo(ttft_s, itl_s, deadline_s)
        setting = FleetSetting(capacity, slo, least, most)
        names = policy.split(",")
        for name in names:
            contender(name, setting)  # refuse an unknown one before anything is simulated
    except AutoscalerError as error:
        raise SimulationError(str(error)) from error
    drawn_from = workload_of(
        lengths,
        trace,
        cv,
        Predictor.from_text(predict),
        input_tokens=DEFAULT_INPUT_TOKENS,
        max_tokens=None,
    )
    for note in drawn_from.lengths.notes:
        err.print(note, highlight=False)
    workload = FleetWorkload(
        drawn_from, drawn_from, requests, rate, batch_share, job_every_s, deadline_s
    )
    total = round(seeds * len(names) * requests * (1 + batch_share))
    with progress_bar("Requests served", total) as advance:
        runs = list(compare(workload, names, setting, seeds=range(seeds), on_progress=advance))
    rows = [one.summary for one in runs]
    if json_path is not None:
        write_json(json_path, [row.to_dict() for row in rows])
    out.print(_table(rows))
    if report is not None:
        out.print(f"Report: {_write_page(runs, setting, report)}", highlight=False)


def _table(rows: Sequence[FleetSummary]) -> Table:
    table = narrow_table(f"{rows[0].requests:,} requests; share that kept its SLO, instance hours")
    table.add_column("policy", no_wrap=True)
    for title in TITLES:
        table.add_column(title, justify="right")
    for policy, shown in cells(rows):
        table.add_row(policy, *shown)
    return table


def _write_page(runs: Sequence[FleetRun], setting: FleetSetting, folder: Path) -> Path:
    """Imported when it is wanted: drawing needs what `fleet` alone does not."""
    try:
        from serving_sim.fleet.page import render_page  # noqa: PLC0415  as said
    except ImportError as error:
        raise SimulationError(
            f"--report needs {error.name}: install it with pip install 'lengthwise[sim,report]'"
        ) from error
    capacity, slo = setting.capacity, setting.slo
    notes = [
        (
            "Engine",
            f"{capacity.slots} slots; a step takes {capacity.step_s:g} s and "
            f"{capacity.sequence_s:g} s for each request in it; {capacity.start_up_s:g} s to start",
        ),
        (
            "SLO",
            f"first token within {slo.ttft_s:g} s, {slo.itl_s:g} s between two; batch requests "
            f"within {slo.batch_deadline_s:g} s",
        ),
        ("Hours", "of all instances, from when each is asked for; what drains counts as well"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "fleet.html"
    page.write_text(render_page(runs, notes), "utf-8")
    return page

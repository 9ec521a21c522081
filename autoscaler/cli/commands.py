"""python -m autoscaler advise | keda."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from autoscaler.cli.process import process_from_config
from autoscaler.config.fleet_config import FleetConfig, read_config
from autoscaler.core.decide import decide
from autoscaler.core.decision import Decision
from autoscaler.core.fleet import FleetState
from autoscaler.edges.keda.serve import serve_until_stopped
from autoscaler.edges.observer import FleetObserver
from autoscaler.edges.state_json import state_from_json
from autoscaler.errors import InvalidStateError, StaleFleetError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How many engines to run, by the tokens that are predicted to come.",
)
out = Console()

ConfigPath = Annotated[Path, typer.Option("--config", help="The fleet: fleet.yaml.")]


@app.callback()
def commands() -> None:
    """How many engines to run, by the tokens that are predicted to come."""


@app.command()
def advise(
    *,
    config: ConfigPath,
    state: Annotated[
        Path | None,
        typer.Option(help="The fleet as JSON; by default the engines' metrics are asked."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Say how many instances each pool should have, and why; change nothing."""
    read = read_config(config)
    now_s = time.time()
    seen = _from_engines(read, now_s) if state is None else _from_file(state, now_s)
    decision = decide(seen, now_s, read.options())
    if as_json:
        typer.echo(json.dumps(decision.to_dict()))
    else:
        out.print(_table(decision))


def _from_file(path: Path, now_s: float) -> FleetState:
    try:
        return state_from_json(path.read_text("utf-8"), now_s)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidStateError(f"{path} cannot be read: {error}") from error


def _from_engines(config: FleetConfig, now_s: float) -> FleetState:
    """One look: what runs and waits, with lengths and rates as far as counters tell."""
    observe = config.observe
    state = FleetObserver(observe.engines, config.options(), observe.mean_tokens).observe(now_s)
    if state is None:
        raise StaleFleetError(
            "no engine answers with vLLM's metrics: expected some in observe.engines, or --state"
        )
    return state


@app.command()
def keda(*, config: ConfigPath) -> None:
    """Tell KEDA how many instances each pool should have: an external scaler."""
    read = read_config(config)

    def told(fault: str) -> None:
        typer.echo(fault or "what was wrong is over", err=True)

    # Seconds since 1970 as files have them, and no step of the machine's clock.
    since_s = time.time() - time.monotonic()
    process = process_from_config(read, lambda: since_s + time.monotonic(), told)

    def decided(decision: Decision) -> None:
        process.metrics.decided(decision)
        typer.echo(json.dumps(decision.to_dict()))

    asyncio.run(
        serve_until_stopped(
            process.keda,
            read.observe.scrape_every_s,
            beside=process.beside,
            on_started=lambda port: typer.echo(f"KEDA may ask at port {port}", err=True),
            on_decision=decided,
        )
    )


def _table(decision: Decision) -> Table:
    table = Table(title=_title(decision), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("pool", "now", "needed", "wanted"):
        table.add_column(name, justify="left" if name == "pool" else "right")
    table.add_column("why")
    for pool, one in decision.pools.items():
        counts = (str(count) for count in (one.current, one.needed, one.wanted))
        table.add_row(pool.value, *counts, one.reason)
    return table


def _title(decision: Decision) -> str:
    held = "; held" if decision.held else ""
    return (
        f"IBP {decision.interactive_backpressure:.2f}, BBP {decision.batch_backpressure}, by "
        f"{decision.knowledge.phrase}{held}"
    )

"""python -m autoscaler advise | keda."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from autoscaler.config.read import read_config
from autoscaler.core.decide import decide
from autoscaler.core.decision import Decision
from autoscaler.edges.state_json import state_from_json
from autoscaler.errors import InvalidStateError

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
    state: Annotated[Path, typer.Option(help="What is seen of the fleet, as JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Say how many instances each pool should have, and why; change nothing."""
    options = read_config(config).options()
    now_s = time.time()
    try:
        text = state.read_text("utf-8")
    except OSError as error:
        raise InvalidStateError(f"{state} cannot be read: {error.strerror}") from error
    decision = decide(state_from_json(text, now_s), now_s, options)
    if as_json:
        typer.echo(json.dumps(decision.to_dict()))
    else:
        out.print(_table(decision))


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

"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from serving_sim.engine.profile import SHIPPED

DEFAULT_PROFILE = "opt-13b-a100-40gb"
"""OPT-13B on an A100 of 40 GB: the shipped one that knows its memory."""

LengthsOption = Annotated[
    Path | None,
    typer.Option(help="CSV or JSON lines with output_tokens; by default those of the trace."),
]
SlotsOption = Annotated[int, typer.Option(help="Requests that run at once.")]
RequestsOption = Annotated[int, typer.Option(help="Of one simulation.")]
SeedsOption = Annotated[int, typer.Option(help="Repetitions, each with other requests.")]
ProfileOption = Annotated[
    str, typer.Option(help=f"Cost and memory: {', '.join(SHIPPED)}, or a file.")
]
ReportOption = Annotated[
    Path | None, typer.Option(help="Write a page with pictures to this folder.")
]
RowsOption = Annotated[Path | None, typer.Option("--json", help="Also write rows here.")]

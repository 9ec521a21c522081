"""`python -m index_builder encode`."""

import json
from typing import Annotated

import typer

from index_builder.cli.encode_job import EncodeJob
from index_builder.cli.engine_options import (
    EngineOption,
    VectorCacheOption,
    WorkerOptions,
    with_worker_options,
)
from index_builder.cli.option_groups import (
    DeviceOption,
    EncoderOption,
    HistoryOption,
    JsonOption,
    PrecisionOption,
    with_read_options,
)
from index_builder.distributed.selection import DEFAULT_KEEP_PER_MODEL
from lengthwise.history.files import ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER

PartsOption = Annotated[
    str, typer.Option("--out", help="Folder or URL that the encoded parts are written to.")
]
KeepOption = Annotated[
    int,
    typer.Option(
        "--keep-per-model",
        help="Rows of each LLM that are encoded, about: the newest half, and a sample of the "
        "others. 0 for all.",
    ),
]


@with_worker_options
@with_read_options
def encode(
    *,
    history: HistoryOption,
    parts: PartsOption,
    reading: ReadOptions,
    workers: WorkerOptions,
    engine: EngineOption = "local",
    encoder: EncoderOption = DEFAULT_ENCODER,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    keep_per_model: KeepOption = DEFAULT_KEEP_PER_MODEL,
    vector_cache: VectorCacheOption = "",
    as_json: JsonOption = False,
) -> None:
    """Encode a history into parts, which `build --encoded` makes an index of.

    Goes on where it stopped if it is run again.
    """
    job = EncodeJob(
        history=history,
        reading=reading,
        encoder=encoder,
        device=device,
        precision=precision,
        keep_per_model=keep_per_model,
        engine=engine,
        workers=workers,
        vector_cache=vector_cache,
    )
    rows, encoded_rows = job.run(parts)
    if as_json:
        typer.echo(json.dumps({"path": parts, "rows": rows, "encoded_rows": encoded_rows}))
        return
    there = f", {rows - encoded_rows:,} of them before" if rows > encoded_rows else ""
    typer.echo(f"{rows:,} rows are encoded{there}: python -m index_builder build --encoded {parts}")

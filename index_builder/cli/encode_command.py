"""`python -m index_builder encode`, and the encoding that `build --engine ray` asks for as well."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from index_builder.cli.engine_options import (
    EngineName,
    EngineOption,
    VectorCacheOption,
    WorkerOptions,
    engine_of,
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
from index_builder.cli.progress import terminal_progress
from index_builder.distributed.encode_job import encode_history
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan
from index_builder.distributed.selection import DEFAULT_KEEP_PER_MODEL
from lengthwise.history.files import ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Device, Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeJob:
    """An encoding as the command line asks for it.

    Args:
        history: Files, folders, globs or URLs.
        reading: How rows are read, and which of them.
        encoder: Name or folder, the same on every worker.
        device: Where the encoder runs: "cpu", "cuda" or "auto".
        precision: Of the numbers that the encoder computes with.
        keep_per_model: Rows of each LLM that are encoded, about; 0 for all.
        engine: What runs the work: this process, or Ray.
        workers: How many workers the engine has, and of what size.
        vector_cache: Folder of vectors of earlier encodings; "" for none.
    """

    history: Sequence[str]
    reading: ReadOptions
    encoder: str
    device: Device
    precision: Precision
    keep_per_model: int
    engine: EngineName
    workers: WorkerOptions
    vector_cache: str = ""

    def run(self, parts: str) -> tuple[int, int]:
        """Encode what is not encoded yet; gives rows in all, and rows encoded now."""
        plan = EncodePlan.from_sources(
            self.history,
            self.reading,
            self.encoder,
            precision=self.precision,
            keep_per_model=self.keep_per_model,
        )
        with (
            engine_of(self.engine, self.workers, self.device, self.vector_cache) as engine,
            terminal_progress() as progress,
        ):
            done = encode_history(plan, Place.at(parts), engine, progress)
        return done.rows, done.encoded_rows


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

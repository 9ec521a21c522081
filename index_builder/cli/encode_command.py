"""`python -m index_builder encode`, and what `build` does with parts and other engines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from index_builder.build.builder import BuildOptions
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
from index_builder.distributed.encoded_history import EncodedHistory
from index_builder.distributed.place import Place, is_url
from index_builder.distributed.plan import EncodePlan
from index_builder.distributed.publishing import PublishedIndex, build_to
from index_builder.distributed.selection import DEFAULT_KEEP_PER_MODEL
from lengthwise.history.files import ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Device, Precision
from lengthwise.index.errors import InvalidInputError

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


def build_of_parts(parts: str, out: str, options: BuildOptions, console: Console) -> PublishedIndex:
    """Build from a folder of parts, telling `console` how it goes."""
    encoded = EncodedHistory(Place.at(parts))
    with terminal_progress() as progress:
        result = build_to(out, encoded, options, progress)
    console.print(encoded.report.summary(), highlight=False)
    if len(encoded.runtimes) > 1:
        console.print(
            f"Parts were encoded in different ways ({', '.join(sorted(encoded.runtimes))}): the "
            "last bits of their vectors differ. To avoid it give --precision and --device",
            highlight=False,
        )
    return result


def encode_and_build(
    job: EncodeJob, parts: str | None, out: str, options: BuildOptions, console: Console
) -> PublishedIndex:
    """Encode with another engine, then build here.

    Args:
        job: What is encoded, and by what.
        parts: Where the parts stay; None removes them once the index is built.
        out: Folder or URL of the store that is published to.
        options: How the index is built.
        console: Is told how it goes.

    Raises:
        InvalidInputError: The store is behind a URL, and no place for the parts is named.
    """
    if parts is not None:
        job.run(parts)
        return build_of_parts(parts, out, options, console)
    if is_url(out):
        raise InvalidInputError(
            "--out is a URL: name a folder or URL for the parts, too, which all workers reach "
            "(--encoded)"
        )
    Path(out).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".encoded-", dir=out) as folder:
        job.run(folder)
        return build_of_parts(folder, out, options, console)

"""Options of commands that encode on several workers, and what they are made into."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from index_builder.cli.option_groups import with_dataclass
from index_builder.distributed.encode_job import Engine, ThisProcess
from index_builder.distributed.ray_engine import RayEngine
from lengthwise.index.encoder.encoder import Device
from lengthwise.index.errors import InvalidInputError

EngineName = Literal["local", "ray"]
EngineOption = Annotated[
    EngineName,
    typer.Option(help="What encodes: this process, or Ray (of RAY_ADDRESS, or of this machine)."),
]
VectorCacheOption = Annotated[
    str,
    typer.Option(
        "--vector-cache",
        help="Folder that vectors are kept in, and taken from if their prompt comes again.",
    ),
]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Workers of an engine.

    Args:
        workers: How many encode at a time; 0 for as many as there is room for.
        cpus_per_worker: Cores that each worker is given, at least 1.
    """

    workers: int = 0
    cpus_per_worker: int = 2


HELP = {
    "workers": "Workers that encode at a time; 0 for as many as there is room for.",
    "cpus_per_worker": "Cores of each.",
}
"""Help of each field of `WorkerOptions`."""

with_worker_options = with_dataclass("workers", WorkerOptions, HELP, "Encoding with --engine ray")


@contextmanager
def engine_of(
    name: EngineName, workers: WorkerOptions, device: Device, vector_cache: str
) -> Generator[Engine]:
    """The engine of a name, running until the end.

    Args:
        name: By which the command line chooses what runs the work.
        workers: Its workers, where it has some.
        device: Where the encoder of each worker runs.
        vector_cache: Folder of vectors of earlier encodings; "" for none.

    Raises:
        InvalidInputError: Options of workers are given to the engine that has none.
        MissingExtraError: Ray is not installed.
    """
    if name == "local":
        if workers != WorkerOptions():
            raise InvalidInputError("--workers and --cpus-per-worker are for --engine ray")
        yield ThisProcess(device, vector_cache=vector_cache)
        return
    engine = RayEngine(workers.workers, workers.cpus_per_worker, device, vector_cache)
    with engine.running():
        yield engine

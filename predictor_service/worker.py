"""One of several processes that share a port, and its line to the supervisor."""

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection

import structlog

from predictor_service.batching.threads import leave, share_cores
from predictor_service.config import ServiceConfig
from predictor_service.errors import StartUpError
from predictor_service.lifecycle import run_loop, serve
from predictor_service.logs import set_up_logs
from predictor_service.serving_index.served_index import IndexSource


@dataclass(frozen=True, slots=True)
class Ready:
    """Sent once the worker serves."""

    version: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Sent if it cannot start."""

    reason: str


def run_worker(number: int, config: ServiceConfig, source: IndexSource, link: Connection) -> None:
    """Serve until told to stop, or until the supervisor is gone.

    Args:
        number: Names the worker in its logs.
        config: All options, the port settled.
        source: Where the index comes from.
        link: To the supervisor; it closes with it.
    """
    # Ctrl-C reaches the whole group; the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_logs(config)
    structlog.contextvars.bind_contextvars(worker=number)
    share_cores()
    try:
        run_loop(_serve_linked(config.for_worker(number), source, link))
    except StartUpError as error:
        with contextlib.suppress(OSError):
            link.send(Failed(str(error)))
        leave(1)
    leave(0)


async def _serve_linked(config: ServiceConfig, source: IndexSource, link: Connection) -> None:
    stop = asyncio.Event()
    # The supervisor never sends: its end can only become readable by closing.
    asyncio.get_running_loop().add_reader(link.fileno(), stop.set)

    def on_ready(_: int, version: str) -> None:
        with contextlib.suppress(OSError):
            link.send(Ready(version))

    await serve(config, source, on_ready=on_ready, stop=stop)

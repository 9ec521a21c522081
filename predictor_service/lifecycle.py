"""One process from start to exit: signals, readiness, exit code."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import structlog

from predictor_service.batching.threads import share_cores
from predictor_service.config import ServiceConfig
from predictor_service.service import Service
from predictor_service.serving_index.served_index import IndexSource

log = structlog.get_logger(__name__)

T = TypeVar("T")

OnReady = Callable[[int, str], None]
"""Told the port and the index version once predictions are served."""


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop where it is installed, on asyncio's own loop elsewhere."""
    try:
        import uvloop  # noqa: PLC0415  not made for every platform
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(
    config: ServiceConfig,
    source: IndexSource,
    *,
    on_ready: OnReady,
    stop: asyncio.Event,
) -> None:
    """Serve until told to stop, then answer what was accepted.

    A single process listens before it loads, so that a port that is taken is found out at once and
    health can be asked meanwhile. One of several loads first: the port has other takers, and calls
    should not be sent to a process that cannot answer yet.

    Args:
        config: All options.
        source: Where the index comes from.
        on_ready: Called once predictions are served.
        stop: Set to stop. SIGTERM and SIGINT set it too; SIGHUP swaps to the newest index.

    Raises:
        StartUpError: The service cannot start.
    """
    service = Service(config, source)
    _handle_signals(service, stop)
    try:
        listens_first = config.processes == 1
        port = await service.listen() if listens_first else 0
        loaded = await _unless(stop, service.load())
        if loaded is None:
            return
        if not listens_first:
            port = await service.listen()
        on_ready(port, loaded)
        await stop.wait()
    finally:
        await service.stop()


def _handle_signals(service: Service, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(service.reload())
        reloads.add(task)  # asyncio itself keeps no reference that would save it
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Do some work; None if told to stop before it is done."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None


def run_process(config: ServiceConfig, source: IndexSource, *, on_ready: OnReady) -> None:
    """Serve in this process until a signal says stop.

    Raises:
        StartUpError: The service cannot start.
    """
    share_cores()

    async def main() -> None:
        await serve(config, source, on_ready=on_ready, stop=asyncio.Event())

    run_loop(main())


def write_port(path: Path, port: int) -> None:
    """Write the port so that a reader sees all of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(f"{port}\n")
    part.replace(path)

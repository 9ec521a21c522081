"""Serves the metrics to Prometheus, in threads of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from predictor_service.errors import StartUpError
from predictor_service.system.address import is_unix

log = structlog.get_logger(__name__)

T = TypeVar("T")

PATIENCE_S = 2.0
"""How long a scrape waits for a busy event loop; Prometheus by default gives up after ten."""


class MetricsServer:
    """Answers `GET /metrics`.

    Args:
        registry: All metrics of the service; see `collectors`.
        host: The address that the service listens on; 127.0.0.1 where that is a Unix domain socket.
        port: 0 picks a free one.

    Raises:
        StartUpError: The port is taken.
    """

    def __init__(self, registry: CollectorRegistry, *, host: str, port: int) -> None:
        address = "127.0.0.1" if is_unix(host) else host
        try:
            self._server: WSGIServer = start_http_server(port, address, registry)[0]
        except OSError as error:
            raise StartUpError(
                f"--metrics-port {port} on {address} cannot be used: {error.strerror}; choose "
                "another, or 0 for any free one"
            ) from error
        log.info("metrics are served", host=address, port=self.port)

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        """Answer nothing more. Blocks for up to half a second."""
        self._server.shutdown()
        self._server.server_close()


def on_loop(loop: asyncio.AbstractEventLoop, read: Callable[[], T], otherwise: T) -> T:
    """Have the event loop read, for another thread, what it alone may read.

    Args:
        loop: The event loop of the service.
        read: Called on the loop, between other callbacks.
        otherwise: Returned if the loop does not come to it in time, or is closed.
    """
    future: Future[T] = Future()

    def answer() -> None:
        try:
            future.set_result(read())
        except Exception as error:  # noqa: BLE001  raised where it is waited for
            future.set_exception(error)

    try:
        loop.call_soon_threadsafe(answer)
        return future.result(PATIENCE_S)
    except (RuntimeError, TimeoutError):
        return otherwise

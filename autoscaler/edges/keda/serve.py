"""The external scaler as a process: a loop that decides, and a server that answers."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from autoscaler.core.decision import Decision
from autoscaler.edges.controller import Controller
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc
from autoscaler.edges.keda.scaler import Scaler
from autoscaler.errors import InvalidConfigError

GRACE_S = 2.0
"""For calls in progress at the end: all are answered from memory."""


class KedaServer:
    """Serves a controller's decisions to KEDA.

    Args:
        controller: Decides at each step, and holds the last decision.
        clock: Seconds; the controller's steps go by the same.
        listen: HOST:PORT; port 0 for any that is free.
        credentials: For mutual TLS; None for a plain socket.
    """

    def __init__(
        self,
        controller: Controller,
        clock: Callable[[], float],
        listen: str,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._controller = controller
        self._clock = clock
        self._listen = listen
        self._credentials = credentials
        self._scaler = Scaler(controller, clock)
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            InvalidConfigError: If the address cannot be bound.
        """
        # Made here, since it belongs to the loop that runs. Without the option two scalers would
        # share a port unnoticed.
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        rpc.add_ExternalScalerServicer_to_server(self._scaler, self._server)
        try:
            if self._credentials is None:
                self.port = self._server.add_insecure_port(self._listen)
            else:
                self.port = self._server.add_secure_port(self._listen, self._credentials)
        except RuntimeError as error:
            raise InvalidConfigError(
                f"keda.listen is {self._listen}: it cannot be bound ({error})"
            ) from error
        await self._server.start()

    async def step(self) -> Decision | None:
        """Decide once more; what the engines take to answer holds nobody up."""
        decision = await asyncio.to_thread(self._controller.step, self._clock())
        await self._scaler.decided()
        return decision

    async def stop(self) -> None:
        """End streams, then calls."""
        await self._scaler.close()
        if self._server is not None:
            await self._server.stop(GRACE_S)


async def serve_until_stopped(
    server: KedaServer,
    every_s: float,
    *,
    on_started: Callable[[int], None],
    on_decision: Callable[[Decision], None],
) -> None:
    """Decide every so many seconds, until SIGTERM or SIGINT.

    Args:
        server: Not yet started: it is started and stopped here.
        every_s: Seconds from the start of one decision to that of the next, above 0; after one that
            took longer the next follows at once.
        on_started: Called with the port once KEDA may ask.
        on_decision: Called with each decision; not while nothing of the fleet is known.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    await server.start()
    on_started(server.port)
    try:
        while not stopped.is_set():
            began_s = time.monotonic()
            decision = await server.step()
            if decision is not None:
                on_decision(decision)
            left_s = max(0.0, every_s - (time.monotonic() - began_s))
            try:
                await asyncio.wait_for(stopped.wait(), left_s)
            except TimeoutError:
                continue
    finally:
        await server.stop()


def mutual_tls(certificate: Path, key: Path, client_ca: Path) -> grpc.ServerCredentials:
    """Credentials that let in only clients with a certificate of this authority: KEDA's one way.

    Raises:
        InvalidConfigError: If a file cannot be read.
    """
    try:
        pair = (key.read_bytes(), certificate.read_bytes())
        return grpc.ssl_server_credentials([pair], client_ca.read_bytes(), require_client_auth=True)
    except OSError as error:
        raise InvalidConfigError(f"keda.tls: {error}") from error

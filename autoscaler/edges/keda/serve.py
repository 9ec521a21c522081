"""The external scaler as a process: a loop that decides, and a server that answers."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import grpc

from autoscaler.core.decision import Decision
from autoscaler.edges.controller import Controller
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc
from autoscaler.edges.grpc_server import GrpcServer
from autoscaler.edges.keda.scaler import Scaler


class Serves(Protocol):
    """What is started and stopped with the external scaler."""

    async def start(self) -> None:
        """Bind and serve."""
        ...

    async def stop(self) -> None:
        """Serve no more."""
        ...


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
        self._scaler = Scaler(controller, clock)
        self._server = GrpcServer(
            lambda server: rpc.add_ExternalScalerServicer_to_server(self._scaler, server),
            "keda.listen",
            listen,
            credentials,
        )

    @property
    def port(self) -> int:
        """Where it listens; 0 before it was started."""
        return self._server.port

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            InvalidConfigError: If the address cannot be bound.
        """
        await self._server.start()

    async def step(self) -> Decision | None:
        """Decide once more; what the engines take to answer holds nobody up."""
        decision = await asyncio.to_thread(self._controller.step, self._clock())
        await self._scaler.decided()
        return decision

    async def stop(self) -> None:
        """End streams, then calls."""
        await self._scaler.close()
        await self._server.stop()


async def serve_until_stopped(
    server: KedaServer,
    every_s: float,
    *,
    beside: Sequence[Serves] = (),
    on_started: Callable[[int], None],
    on_decision: Callable[[Decision], None],
) -> None:
    """Decide every so many seconds, until SIGTERM or SIGINT.

    Args:
        server: Not yet started: it is started and stopped here.
        every_s: Seconds from the start of one decision to that of the next, above 0; after one that
            took longer the next follows at once.
        beside: Servers that are started before it, and stopped after it.
        on_started: Called with the port once KEDA may ask.
        on_decision: Called with each decision; not while nothing of the fleet is known.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    for one in (*beside, server):
        await one.start()
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
        for one in (server, *reversed(beside)):
            await one.stop()

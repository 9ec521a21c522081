"""The processor as a server: it listens, says what it does, and ends in order."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.envoy.activity import LOGGER, say_activity
from scheduler_client.gateways.envoy.envoy_advisor import EnvoyAdvisor
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2_grpc as pb_grpc
from scheduler_client.gateways.envoy.processor import EnvoyProcessor
from scheduler_client.health import HEALTH_SERVICE, HealthStatus, encode_health_response

STOP_GRACE_S = 1.0
"""Requests under way have their priority by then; who watches answers loses those that go on."""

MAX_PORT = 65_535
"""Of TCP: 16 bits."""

MAX_MESSAGE_BYTES = 16 * 2**20
"""Of one message: Envoy sends twice its buffer limit at most, and people raise that."""


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """Where Envoy finds the processor.

    Args:
        host: A name or an address; all of this machine's at 0.0.0.0.
        port: From 0, a free one, to 65535.
        port_file: That the port is written into once it listens; None writes none.

    Raises:
        ValueError: If the port can be none.
    """

    host: str
    port: int
    port_file: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= MAX_PORT:  # gRPC takes a larger one modulo 65,536
            raise ValueError(f"the port is {self.port}: expected 0 to {MAX_PORT}")


async def serve(settings: AdvisorSettings, options: ListenOptions) -> None:
    """Serve until SIGTERM or SIGINT, then send the last reports.

    Raises:
        OSError: If the address cannot be listened on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_processor(settings, options) as port:
        if options.port_file is not None:
            options.port_file.write_text(f"{port}\n")
        LOGGER.info(
            "Envoy's external processor listens on %s:%d and asks the predictor at %s",
            options.host,
            port,
            settings.target,
        )
        await stop.wait()


@contextlib.asynccontextmanager
async def running_processor(
    settings: AdvisorSettings, options: ListenOptions
) -> AsyncGenerator[int]:
    """Serve while the context lasts; it yields the port.

    Raises:
        OSError: If the address cannot be listened on.
    """
    log = RateLimitedLog(time.monotonic)
    advisor = EnvoyAdvisor(settings, log)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),  # a port that is taken is said, not shared
        ]
    )
    pb_grpc.add_ExternalProcessorServicer_to_server(EnvoyProcessor(advisor, log), server)
    server.add_generic_rpc_handlers((_health_handler(),))
    port = _bind(server, options)
    await server.start()
    advisor.start()
    saying = asyncio.create_task(say_activity(advisor.activity))
    try:
        yield port
    finally:
        saying.cancel()
        await server.stop(STOP_GRACE_S)
        await advisor.close()
        advisor.activity.say()


def _bind(server: grpc.aio.Server, options: ListenOptions) -> int:
    address = f"{options.host}:{options.port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: is the port taken?") from error


def _health_handler() -> grpc.GenericRpcHandler:
    """The standard check, for Envoy's: whoever answers at all is well, the predictor or no."""

    async def check(request: bytes, context: Any) -> bytes:
        del request, context
        return encode_health_response(HealthStatus.SERVING)

    handler = grpc.unary_unary_rpc_method_handler(check)
    return grpc.method_handlers_generic_handler(HEALTH_SERVICE, {"Check": handler})

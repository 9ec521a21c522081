"""The gRPC server: channel options, services, binding."""

from collections.abc import Mapping
from typing import Any

import grpc

from predictor_service.callers.guard import Guard
from predictor_service.config import ServiceConfig
from predictor_service.rpc import health, reflection
from predictor_service.rpc.address import is_unix, port_taken, target
from predictor_service.rpc.health import Health

MIN_PING_INTERVAL_MS = 10_000
"""Engines keep idle connections alive with pings; gRPC would otherwise hang up on them."""

KEEPALIVE_MS = 60_000
KEEPALIVE_TIMEOUT_MS = 20_000
"""A caller that vanished without a word is let go within two minutes; by default it takes hours."""


def build_server(
    config: ServiceConfig,
    guard: Guard,
    services: Mapping[str, grpc.GenericRpcHandler],
    health_service: Health,
) -> grpc.aio.Server:
    """A server with all services, not yet bound or started.

    Args:
        config: All options.
        guard: Lets callers in to the services, but to health and reflection, which are everybody's.
        services: By full name.
        health_service: The health service.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # Off, or two services would share a port unnoticed.
        ("grpc.so_reuseport", int(config.processes > 1)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ]
    server = grpc.aio.server(options=options)
    guarded = [guard.guarded(handler) for handler in services.values()]
    names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
    described = reflection.reflection_handler(names)
    server.add_generic_rpc_handlers((*guarded, health_service.handler(), described))
    return server


def bind(
    server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None = None
) -> int:
    """Bind a server.

    Args:
        server: Not yet started.
        host: See `ServiceConfig`.
        port: See `ServiceConfig`.
        credentials: For TLS; None for plain text.

    Returns:
        The port, chosen by the system if it was 0.

    Raises:
        PortTakenError: Somebody listens there already.
    """
    try:
        bound = (
            server.add_insecure_port(target(host, port))
            if credentials is None
            else server.add_secure_port(target(host, port), credentials)
        )
    except RuntimeError as error:
        raise port_taken(host, port) from error
    return 0 if is_unix(host) else bound

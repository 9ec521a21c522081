"""The gRPC server: channel options, services, reflection, binding."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from predictor_service.callers.guard import Guard
from predictor_service.config import ServiceConfig
from predictor_service.rpc import health
from predictor_service.rpc.health import Health
from predictor_service.rpc.wire import Malformed, tolerant
from predictor_service.system.address import is_unix, port_taken, target

MIN_PING_INTERVAL_MS = 10_000
"""Engines keep idle connections alive with pings; gRPC would otherwise hang up on them."""

KEEPALIVE_MS = 60_000
"""Silence after which a caller is pinged; by default it takes hours."""

KEEPALIVE_TIMEOUT_MS = 20_000
"""For the answer to that: a caller that vanished without a word is let go within two minutes."""


def build_server(
    config: ServiceConfig,
    guard: Guard,
    services: Mapping[str, grpc.GenericRpcHandler],
    health_service: Health,
) -> grpc.aio.Server:
    """A server with all services, not yet bound or started.

    Args:
        config: The options of this process.
        guard: Lets callers in to the services, but to health and reflection, which are everybody's.
        services: Handlers of the guarded services, by full name.
        health_service: The standard health service, which everybody may ask.
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
    described = _reflection_handler(names)
    server.add_generic_rpc_handlers((*guarded, health_service.handler(), described))
    return server


def bind(
    server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None = None
) -> int:
    """Bind a server.

    Args:
        server: One that is not yet started.
        host: Address of this machine, or unix:/path.
        port: TCP port; 0 lets the system choose.
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


def _reflection_handler(services: tuple[str, ...]) -> grpc.GenericRpcHandler:
    """Server reflection, which answers bytes that are no message with a status, not a traceback.

    As a generic handler: gRPC's asyncio server waits for the next call of each method that is
    registered by name, at some microseconds per method and call, and finds generic ones at no cost.

    Args:
        services: Full names of all that are to be found.
    """
    servicer: Any = reflection.aio.ReflectionServicer(service_names=services)

    async def answer(messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for found in servicer.ServerReflectionInfo(_well_formed(messages, context), context):
            yield found

    method = grpc.stream_stream_rpc_method_handler(
        answer,
        tolerant(reflection_pb2.ServerReflectionRequest),
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(
        reflection.SERVICE_NAME, {"ServerReflectionInfo": method}
    )


async def _well_formed(messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    async for message in messages:
        if isinstance(message, Malformed):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message.reason)
        yield message

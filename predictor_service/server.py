"""The gRPC server: channel options, services, binding."""

from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from predictor_service import health
from predictor_service.address import is_unix, port_taken, target
from predictor_service.config import ServiceConfig
from predictor_service.health import Health
from predictor_service.servicer import SERVICE_NAME, LengthPredictorServicer

MIN_PING_INTERVAL_MS = 10_000
"""Engines keep idle connections alive with pings; gRPC would otherwise hang up on them."""


class _GenericHandlersOnly:
    """Takes generic handlers alone.

    gRPC's asyncio server waits for the next call of each method that is registered by name, at
    some microseconds per method and call, and finds generic handlers at no such cost.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, *_: Any) -> None:
        return


def build_server(
    config: ServiceConfig, servicer: LengthPredictorServicer, health_service: Health
) -> grpc.aio.Server:
    """A server with all services, not yet bound or started."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # Off, or two services would share a port unnoticed.
        ("grpc.so_reuseport", int(config.processes > 1)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
    ]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((servicer.handler(), health_service.handler()))
    names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection_servicer: Any = reflection.aio.ReflectionServicer(service_names=names)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
        reflection_servicer, _GenericHandlersOnly(server)
    )
    return server


def bind(server: grpc.aio.Server, host: str, port: int) -> int:
    """Bind a server.

    Returns:
        The port, chosen by the system if it was 0.

    Raises:
        PortTakenError: Somebody listens there already.
    """
    try:
        bound = server.add_insecure_port(target(host, port))
    except RuntimeError as error:
        raise port_taken(host, port) from error
    return 0 if is_unix(host) else bound

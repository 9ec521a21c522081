"""The standard health service, whose watchers are let go when the service stops.

grpcio-health-checking's own servicer keeps Watch calls open until they are cut off, so that every
stop would take its full grace period, and lets a watcher that does not read hold up a change of
status for everybody.
"""

import asyncio
from collections.abc import Collection
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from predictor_service.rpc.wire import Malformed, tolerant

SERVICE_NAME = "grpc.health.v1.Health"
"""Of gRPC's standard health service, which probes and load balancers ask."""

Context = grpc.aio.ServicerContext[Any, Any]


class Health:
    """The status of the whole ("") and of each named service; all share one.

    A detail is asked for like a service, under a name of its own. One that is unwell is NOT_SERVING
    alone: whoever decides by the whole, as load balancers and probes do, sends calls as before.

    Args:
        services: Full names of the gRPC services, which all have one status.
        details: Names of what can be unwell while everything is served.
    """

    def __init__(self, *services: str, details: Collection[str] = ()) -> None:
        self._services = {"", *services, *details}
        self._unwell: set[str] = set()
        self._serving = False
        self._stopped = False
        self._changed = asyncio.Event()

    @property
    def serving(self) -> bool:
        """True while predictions are served."""
        return self._serving

    def set_serving(self) -> None:
        """Report SERVING, unless already stopped."""
        if not self._stopped:
            self._serving = True
            self._notify()

    def set_detail(self, name: str, *, well: bool) -> None:
        """Report a detail as it is now."""
        (self._unwell.discard if well else self._unwell.add)(name)
        self._notify()

    def stop(self) -> None:
        """Report NOT_SERVING for good; watchers are told and their calls end."""
        self._serving = False
        self._stopped = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _status(self, service: str) -> Any:
        if service not in self._services:
            return health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        if self._serving and service not in self._unwell:
            return health_pb2.HealthCheckResponse.SERVING
        return health_pb2.HealthCheckResponse.NOT_SERVING

    async def check(self, request: Any, context: Context) -> Any:
        """Answer with the present status."""
        await _refuse_malformed(request, context)
        if request.service not in self._services:
            known = ", ".join(repr(name) for name in sorted(self._services))
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"service {request.service!r}: expected one of {known}"
            )
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def watch(self, request: Any, context: Context) -> None:
        """Answer with the present status and with every later one."""
        await _refuse_malformed(request, context)
        last = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != last:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                last = status
                continue  # it may have changed while this was written
            if self._stopped:
                return
            await changed.wait()

    def handler(self) -> grpc.GenericRpcHandler:
        """The RPCs as gRPC takes them."""
        parse = tolerant(health_pb2.HealthCheckRequest)
        serialize = health_pb2.HealthCheckResponse.SerializeToString
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self.check, parse, serialize),
                "Watch": grpc.unary_stream_rpc_method_handler(self.watch, parse, serialize),
            },
        )


async def _refuse_malformed(request: Any, context: Context) -> None:
    if isinstance(request, Malformed):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, request.reason)

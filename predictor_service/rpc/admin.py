"""The RPCs of `lengthwise.v1.IndexAdmin`."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc

from lengthwise.v1 import index_admin_pb2 as pb
from predictor_service.errors import CallError, InvalidRequestError, NotServingError
from predictor_service.failures import unexpected
from predictor_service.rpc.finishing import Finishing
from predictor_service.rpc.validation import MAX_NAME_CHARS
from predictor_service.rpc.wire import Malformed, tolerant
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.switcher import Switcher

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["IndexAdmin"].full_name
"""Begins the path of each of its methods; health and reflection name it too."""

Context = grpc.aio.ServicerContext[Any, Any]
Q = TypeVar("Q")
R = TypeVar("R")


class IndexAdminServicer:
    """Answers the RPCs. Who may call them is decided before they get here.

    Args:
        switcher: Goes from the served version to another.
        holder: Holds the served index; nothing is switched before there is one.
        is_stopping: True once nothing more is accepted.
    """

    def __init__(
        self, switcher: Switcher, holder: IndexHolder, is_stopping: Callable[[], bool]
    ) -> None:
        self._switcher = switcher
        self._holder = holder
        self._is_stopping = is_stopping
        # Half a switch helps nobody.
        self._finishing = Finishing()

    async def switch_index(self, request: pb.SwitchIndexRequest) -> pb.SwitchIndexResponse:
        """Serve the version that is named, or the newest of the place."""
        if len(request.version) > MAX_NAME_CHARS:
            raise InvalidRequestError(
                f"version has {len(request.version):,} characters: expected at most "
                f"{MAX_NAME_CHARS:,}"
            )
        done = await self._finishing.finish(self._switcher.switch(request.version))
        return pb.SwitchIndexResponse(
            index_version=done.version, version_before=done.before, place_told=done.place_told
        )

    async def roll_back(self, _: pb.RollBackRequest) -> pb.RollBackResponse:
        """Serve the version that was served before."""
        done = await self._finishing.finish(self._switcher.roll_back())
        return pb.RollBackResponse(
            index_version=done.version, version_before=done.before, place_told=done.place_told
        )

    def handler(self) -> grpc.GenericRpcHandler:
        """The RPCs as gRPC takes them."""
        unary = grpc.unary_unary_rpc_method_handler
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "SwitchIndex": unary(
                    self._guarded("SwitchIndex", self.switch_index),
                    tolerant(pb.SwitchIndexRequest),
                    pb.SwitchIndexResponse.SerializeToString,
                ),
                "RollBack": unary(
                    self._guarded("RollBack", self.roll_back),
                    tolerant(pb.RollBackRequest),
                    pb.RollBackResponse.SerializeToString,
                ),
            },
        )

    def _guarded(
        self, name: str, method: Callable[[Q], Awaitable[R]]
    ) -> Callable[[Q | Malformed, Context], Awaitable[R | None]]:
        async def call(request: Q | Malformed, context: Context) -> R | None:
            try:
                if isinstance(request, Malformed):
                    raise InvalidRequestError(request.reason)  # noqa: TRY301  one way out
                self._check_serving()
                return await method(request)
            except CallError as error:
                refusal = error
            except Exception as error:  # noqa: BLE001  becomes INTERNAL with an id
                refusal = unexpected(error, where=name)
            await context.abort(refusal.status, str(refusal))
            return None

        return call

    def _check_serving(self) -> None:
        if self._is_stopping():
            raise NotServingError("the service is stopping: retry elsewhere or later")
        _ = self._holder.current

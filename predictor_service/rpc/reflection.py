"""Server reflection, which answers bytes that are no message with a status, not a traceback."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from predictor_service.rpc.wire import Malformed, tolerant

SERVICE_NAME = reflection.SERVICE_NAME


def reflection_handler(services: tuple[str, ...]) -> grpc.GenericRpcHandler:
    """The service as gRPC takes it.

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
    return grpc.method_handlers_generic_handler(SERVICE_NAME, {"ServerReflectionInfo": method})


async def _well_formed(messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    async for message in messages:
        if isinstance(message, Malformed):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message.reason)
        yield message

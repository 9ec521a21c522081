"""One bidirectional stream: messages answered in order while later ones are already computed."""

import asyncio
from typing import Any, Protocol

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.callers.caller_limits import EOF
from predictor_service.errors import InvalidRequestError, NotServingError, OverloadedError
from predictor_service.rpc.predictions import Pending, Predictions, Result
from predictor_service.rpc.validation import RequestLimits
from predictor_service.rpc.wire import Malformed


class StreamContext(Protocol):
    """What a stream needs of gRPC's servicer context."""

    async def read(self) -> Any:
        """The next request message, or grpc.aio.EOF."""
        ...

    async def write(self, message: pb.PredictStreamResponse) -> None:
        """Send a response message; waits while the caller does not read."""
        ...


class InFlightLimit:
    """Bounds what one stream has in flight, so that a fast writer waits rather than floods.

    Args:
        capacity: Items in flight; one message may pass alone even if it holds more.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._in_flight = 0
        self._freed = asyncio.Event()

    @property
    def items(self) -> int:
        """Items in flight."""
        return self._in_flight

    async def enter(self, items: int) -> None:
        """Wait until there is room."""
        while self._in_flight and self._in_flight + items > self._capacity:
            self._freed.clear()
            await self._freed.wait()
        self._in_flight += items

    def leave(self, items: int) -> None:
        """Give the room of so many items back."""
        self._in_flight -= items
        self._freed.set()


class PredictionStream:
    """One call of PredictStream.

    Args:
        predictions: Answers the requests in messages.
        limits: What a message may hold; also how much of this stream may be in flight.
        context: Reads and writes the call's messages.
    """

    def __init__(
        self, predictions: Predictions, limits: RequestLimits, context: StreamContext
    ) -> None:
        self._predictions = predictions
        self._limits = limits
        self._context = context
        self._in_flight = InFlightLimit(limits.max_batch_items)
        self._accepted: asyncio.Queue[Pending | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._stopping = False

    def stop(self) -> None:
        """Accept no further message; what was accepted is still answered."""
        self._stopping = True
        if self._reader is not None:
            self._reader.cancel()

    async def run(self) -> None:
        """Serve until the caller has sent its last message and got its last answer.

        Raises:
            CallError: A message cannot be used, or the service stops; those before it are answered.
        """
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(self._read_all)
        try:
            while (pending := await self._accepted.get()) is not None:
                results = await self._predictions.finish(pending)
                await self._context.write(_response(results))
                self._in_flight.leave(_weight(pending))
            await self._reader
        except asyncio.CancelledError:
            if self._reader.cancelled() and self._stopping:
                raise NotServingError(
                    "the service is stopping: reconnect and send the rest"
                ) from None
            raise
        finally:
            self._reader.cancel()
            self._abandon_rest()

    async def _read(self) -> None:
        while (message := await self._context.read()) is not EOF:
            if isinstance(message, Malformed):
                raise InvalidRequestError(message.reason)
            await self._accept(message)

    def _read_all(self, reader: asyncio.Task[None]) -> None:
        """Mark the end; looking at the error keeps asyncio from reporting it as overlooked."""
        if not reader.cancelled():
            reader.exception()
        self._accepted.put_nowait(None)

    async def _accept(self, message: pb.PredictStreamRequest) -> None:
        requests = message.requests
        if len(requests) > self._limits.max_batch_items:
            self._limits.check_count("requests", len(requests))
        await self._in_flight.enter(max(1, len(requests)))
        try:
            pending = await self._predictions.begin(
                requests, timeout_s=None, under_way=self._in_flight.items
            )
        except OverloadedError as error:
            pending = Pending([Result(request, error=error) for request in requests])
        self._accepted.put_nowait(pending)

    def _abandon_rest(self) -> None:
        while not self._accepted.empty():
            pending = self._accepted.get_nowait()
            if pending is not None:
                self._predictions.abandon(pending)


def _weight(pending: Pending) -> int:
    return max(1, len(pending.results))


def _response(results: list[Result]) -> pb.PredictStreamResponse:
    response = pb.PredictStreamResponse()
    for result in results:
        result.fill_item(response.results.add())
    return response

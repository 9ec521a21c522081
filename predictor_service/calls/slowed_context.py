"""A stream whose caller has a rate: messages over it are read late rather than refused."""

from typing import Any

from predictor_service.calls.items import items_of
from predictor_service.limits.caller_limits import CallerLimits
from predictor_service.stream import EOF, StreamContext


class SlowedContext:
    """gRPC's servicer context, reading no faster than the caller may send.

    Args:
        context: gRPC's.
        limits: Of all callers.
        caller: Whose stream it is.
    """

    def __init__(self, context: StreamContext, limits: CallerLimits, caller: str) -> None:
        self._context = context
        self._limits = limits
        self._caller = caller

    def __getattr__(self, name: str) -> Any:
        """All the rest is gRPC's own."""
        return getattr(self._context, name)

    async def read(self) -> Any:
        """The next message, when its caller may send it; gRPC's flow control holds up the rest."""
        message = await self._context.read()
        if message is not EOF:
            await self._limits.wait(self._caller, items_of(message))
        return message

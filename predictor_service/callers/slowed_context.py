"""How much is in a message, and a stream whose caller has a rate for it: read late, not refused."""

from typing import Any

from predictor_service.callers.caller_limits import CallerLimits
from predictor_service.rpc.stream import EOF, StreamContext


def items_of(message: Any) -> int:
    """Prompts or completions in a message of any kind; 1 for one that has no list of them."""
    for name in ("requests", "completions"):
        items = getattr(message, name, None)
        if items is not None:
            return max(1, len(items))
    return 1


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

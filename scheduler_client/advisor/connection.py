"""The connection to the predictor, made when it is needed and anew when it seems dead."""

import asyncio
from collections.abc import Callable

from scheduler_client.advisor.predictor_port import PredictorPort


class Connection:
    """Holds the one client that predictions and reports share. It belongs to one event loop.

    Args:
        connect: Makes a client; it may block to look names up, and raise.
    """

    def __init__(self, connect: Callable[[], PredictorPort]) -> None:
        self._connect = connect
        self._port: PredictorPort | None = None
        self._making = asyncio.Lock()

    def prepare(self) -> None:
        """Make the client now, before there is an event loop to hold up; it raises what that does.

        This imports gRPC, which would cost the first request its deadline.
        """
        self._port = self._connect()

    async def port(self) -> PredictorPort:
        """The client; it raises what making one raises."""
        async with self._making:
            if self._port is None:
                self._port = await asyncio.to_thread(self._connect)
            return self._port

    async def renew(self) -> None:
        """Give the client up, and connect anew at the next call.

        A peer that vanished without a word (a dead machine, a dropped route) leaves a connection
        on which the kernel goes on trying for a quarter of an hour.
        """
        port, self._port = self._port, None
        if port is not None:
            await port.close()

    async def close(self) -> None:
        """End the connection."""
        if self._port is not None:
            await self._port.close()

"""The connection to the predictor, made when it is needed and anew when it seems dead."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.config import MAX_DEADLINE_S

if TYPE_CHECKING:
    from scheduler_client.aio import AsyncLengthPredictorClient


class Connection:
    """Holds the one client that predictions and reports share. It belongs to one event loop.

    Args:
        settings: Where the predictor is, and what it is shown.
        connect: Makes a client; it may block to look names up, and raise.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        connect: "Callable[[AdvisorSettings], AsyncLengthPredictorClient] | None" = None,
    ) -> None:
        self._settings = settings
        self._connect = connect or _connect
        self._client: AsyncLengthPredictorClient | None = None
        self._making = asyncio.Lock()

    async def client(self) -> "AsyncLengthPredictorClient":
        """The client; it raises what making one raises."""
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connect, self._settings)
            return self._client

    async def renew(self) -> None:
        """Give the client up, and connect anew at the next call.

        A peer that vanished without a word (a dead machine, a dropped route) leaves a connection
        on which the kernel goes on trying for a quarter of an hour.
        """
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            await self._client.close()


def _connect(settings: AdvisorSettings) -> "AsyncLengthPredictorClient":
    # gRPC is imported by who connects: a process that loads plugins and serves nothing needs none.
    from scheduler_client.aio import AsyncLengthPredictorClient  # noqa: PLC0415

    return AsyncLengthPredictorClient(
        settings.target,
        access=settings.access,
        use_proxy=settings.use_proxy,
        max_attempts=1,
        stream_timeout_s=MAX_DEADLINE_S,  # an end while queries are out counts as a failure
    )

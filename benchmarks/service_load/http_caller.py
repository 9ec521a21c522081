"""The least HTTP/1.1 that asks a peer for embeddings, so that asking costs the peer nothing."""

import asyncio
import json


class HttpCaller:
    """One keep-alive connection.

    Args:
        port: Where the peer listens, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def embed(self, prompts: list[str]) -> int:
        """Ask for embeddings.

        Returns:
            How many bytes the answer has.

        Raises:
            ConnectionError: The peer answered with an error, or not at all.
        """
        body = json.dumps({"model": "m", "input": prompts}).encode()
        head = (
            f"POST /embeddings HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        kept = self._streams is not None
        try:
            return await self._exchange(head + body)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if not kept:
                raise
            # It hangs up on connections that were idle for some seconds.
            return await self._exchange(head + body)

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status, *lines = head.split("\r\n")
        if " 200 " not in f"{status} ":
            self.close()
            raise ConnectionError(f"the peer answered {status!r}")
        size = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
        return len(await reader.readexactly(size))

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

"""Just enough of HTTP/2 to send what a real client would refuse to (RFC 9113)."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What every client says first (RFC 9113, section 3.4)."""

LARGEST_WINDOW = 2**31 - 1
"""The most bytes of flow control that a peer may be given (RFC 9113, section 6.9.1)."""

FIRST_WINDOW = 65_535
"""Bytes that may be sent before the peer has said more (RFC 9113, section 6.9.2)."""

MAX_FRAME_BYTES = 16_384
"""The largest frame that every peer takes (RFC 9113, section 4.2)."""

END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1


class Frame(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame."""
    head = struct.pack(">I", len(payload))[1:] + bytes((kind & 0xFF, flags & 0xFF))
    return head + struct.pack(">I", stream) + payload


def message(body: bytes) -> bytes:
    """A message in gRPC's own frame."""
    return b"\x00" + struct.pack(">I", len(body)) + body


def headers(path: str, authority: str, token: str) -> bytes:
    """The headers of a call, each written out (RFC 7541, 6.2.2)."""
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    if token:
        fields.append(("authorization", f"Bearer {token}"))
    return b"".join(_literal(name) + _literal(value, b"") for name, value in fields)


def _literal(text: str, head: bytes = b"\x00") -> bytes:
    return head + bytes((len(text),)) + text.encode()


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens, and the token it is shown."""

    port: int
    token: str = ""


class Connection:
    """A connection whose sender decides every byte.

    Args:
        address: Where the service listens, and the token shown to it.
        reads: False to leave all that the service sends in its hands.
    """

    def __init__(self, address: Address, *, reads: bool = True) -> None:
        self._address = address
        self._reads = reads
        self._next_stream = 1
        self._room = FIRST_WINDOW
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self.open_streams: set[int] = set()
        self.answered = 0
        self.closed = False

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._address.port)
        # Closed with a reset, or thousands of ports would wait a minute each.
        linger = struct.pack("ii", 1, 0)
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        window = LARGEST_WINDOW if self._reads else 0
        self.write(PREFACE + frame(Frame.SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
        if self._reads:
            more = struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW)
            self.write(frame(Frame.WINDOW_UPDATE, 0, 0, more))
            self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _socket(self) -> socket.socket:
        return self._writer.get_extra_info("socket")

    def write(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the kernel took what was written."""
        try:
            await self._writer.drain()
        except OSError:
            self.closed = True

    def begin(self, path: str, *, ends: bool = False) -> int:
        """Begin a call."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self.open_streams.add(stream)
        head = headers(path, f"127.0.0.1:{self._address.port}", self._address.token)
        flags = END_HEADERS | (END_STREAM if ends else 0)
        self.write(frame(Frame.HEADERS, flags, stream, head))
        return stream

    async def send(self, stream: int, data: bytes, *, ends: bool) -> None:
        """Send data of a call, as soon as there is room for it."""
        while self._room < len(data) and not self.closed:
            await self._change()
        self._room -= len(data)
        for at in range(0, max(1, len(data)), MAX_FRAME_BYTES):
            part = data[at : at + MAX_FRAME_BYTES]
            last = ends and at + MAX_FRAME_BYTES >= len(data)
            self.write(frame(Frame.DATA, END_STREAM if last else 0, stream, part))

    def reset(self, stream: int) -> None:
        """Give a call up."""
        self.open_streams.discard(stream)
        self.write(frame(Frame.RST_STREAM, 0, stream, struct.pack(">I", 8)))

    async def until_open(self, at_most: int, patience_s: float = 30.0) -> bool:
        """Wait until no more calls are open than that; false if they stay so."""
        try:
            async with asyncio.timeout(patience_s):
                while len(self.open_streams) > at_most and not self.closed:
                    await self._change()
        except TimeoutError:
            return False
        return True

    async def until_closed(self, patience_s: float) -> None:
        """Wait until the service closes the connection, for some time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not self.closed:
                    await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(9)
                length = int.from_bytes(head[:3])
                payload = await self._reader.readexactly(length)
                self._take(head[3], head[4], int.from_bytes(head[5:9]), payload)
                self._changed.set()
        except (OSError, asyncio.IncompleteReadError):
            self.closed = True
            self._changed.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == Frame.WINDOW_UPDATE and stream == 0:
            self._room += int.from_bytes(payload)
        elif kind == Frame.SETTINGS and not flags & ACK:
            self.write(frame(Frame.SETTINGS, ACK, 0))
        elif kind == Frame.PING and not flags & ACK:
            self.write(frame(Frame.PING, ACK, 0, payload))
        elif kind == Frame.RST_STREAM or (kind == Frame.HEADERS and flags & END_STREAM):
            self.answered += stream in self.open_streams
            self.open_streams.discard(stream)

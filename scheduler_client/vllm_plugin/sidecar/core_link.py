"""The socket to the engine core: what is read from it, and the one task that writes to it."""

import asyncio
import contextlib
import socket
from collections import deque

from lengthwise.length_distribution import LengthDistribution
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Learnt,
    Points,
    Predicted,
    ToSidecar,
    decode_to_sidecar,
    encode,
    encode_points,
)
from scheduler_client.vllm_plugin.sidecar.bell import Bell

LENGTHS_AT_ONCE = 64
"""In a packet: the core takes it in between two steps, at some microseconds for each."""

UNKNOWN_AT_ONCE = 64
"""In a packet, of up to nine bytes each: the core places them as it does the others."""

ROOM_BYTES = MAX_PACKET_BYTES - 16 * UNKNOWN_AT_ONCE
"""Of a packet, for lengths."""

NUMBERS_BYTES = 32
"""Of a length, beside its distribution: its number, its mean and what encloses them."""


class CoreLink:
    """Reads messages, and sends what is to be said. It belongs to one event loop.

    Only `write` writes: where two tasks wait for room on one socket, asyncio forgets the first.

    Args:
        core: The socket, which does not block.
        bell: Rung after each send: until then the core does not look.
        log: Says failures, each kind once in a while, since they come in bursts.
    """

    def __init__(self, core: socket.socket, bell: Bell, log: RateLimitedLog) -> None:
        self._core = core
        self._bell = bell
        self._log = log
        self._lengths: deque[tuple[int, float, Points]] = deque()
        self._sizes_bytes: deque[int] = deque()
        self._unknown: deque[int] = deque()
        self._learnt: Learnt | None = None
        self._due = asyncio.Event()

    async def read(self) -> list[ToSidecar] | None:
        """What the core says next; None once it has ended."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                packet = await loop.sock_recv(self._core, MAX_PACKET_BYTES)
            except ConnectionResetError:  # once, if it was killed with packets unread; ours follow
                continue
            except OSError:
                return None
            if not packet:
                return None
            try:
                return decode_to_sidecar(packet)
            except Exception as error:  # noqa: BLE001  it was cut off, or is none: the next may do
                self._log.fault("reading what the engine core says", error)

    def predicted(self, number: int, tokens: float, distribution: LengthDistribution) -> None:
        """Say how long a request is expected to be.

        Raises:
            ValueError: If no packet holds the distribution.
        """
        points = encode_points(distribution)
        size_bytes = memoryview(points).nbytes + NUMBERS_BYTES
        if size_bytes > ROOM_BYTES:
            raise ValueError(
                f"{len(distribution.levels)} points take {size_bytes:,} bytes: expected at most "
                f"{ROOM_BYTES:,}"
            )
        self._lengths.append((number, tokens, points))
        self._sizes_bytes.append(size_bytes)
        self._due.set()

    def unknown(self, number: int) -> None:
        """Say that a request goes without a prediction."""
        self._unknown.append(number)
        self._due.set()

    def learnt(self, learnt: Learnt) -> None:
        """Say what finished requests have taught; only the latest counts."""
        self._learnt = learnt
        self._due.set()

    def shown(self, number: int) -> None:
        """Let the core know which of its counts the metrics have come to."""
        self._bell.show(number)

    async def write(self) -> None:
        """Send what is to be said, everything of one turn of the loop together, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._due.wait()
            packet = self._packet()
            if not (self._lengths or self._unknown or self._learnt):
                self._due.clear()
            with contextlib.suppress(OSError):  # the core has ended: `read` says so
                await loop.sock_sendall(self._core, packet)
                self._bell.ring()

    def _packet(self) -> bytes:
        """The next one."""
        learnt, self._learnt = self._learnt, None
        if learnt is not None:
            packet = encode(learnt)
            if len(packet) <= MAX_PACKET_BYTES:
                return packet
            self._log.warn("learnt", f"the names of {len(learnt.typical_tokens)} LLMs are too long")
        lengths: list[tuple[int, float, Points]] = []
        room_bytes = ROOM_BYTES
        while self._lengths and len(lengths) < LENGTHS_AT_ONCE:
            room_bytes -= self._sizes_bytes[0]
            if room_bytes < 0:
                break
            self._sizes_bytes.popleft()
            lengths.append(self._lengths.popleft())
        count = min(UNKNOWN_AT_ONCE, len(self._unknown))
        return encode(Predicted(lengths, [self._unknown.popleft() for _ in range(count)]))

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
from scheduler_client.vllm_plugin.sidecar.board import Board

LENGTHS_AT_ONCE = 32
"""In a packet: the core takes it in between two steps, at some microseconds for each."""

MAX_POINTS = 200
"""Of a distribution, at 18 bytes: so many of them fit a packet. Predictors send a dozen or two."""


class CoreLink:
    """Reads messages, and sends what is to be said. It belongs to one event loop.

    Only `write` writes: where two tasks wait for room on one socket, asyncio forgets the first.

    Args:
        core: The socket, which does not block.
        board: Rung after each send: until then the core does not look.
        log: Says failures, each kind once in a while, since they come in bursts.
    """

    def __init__(self, core: socket.socket, board: Board, log: RateLimitedLog) -> None:
        self._core = core
        self._board = board
        self._log = log
        self._lengths: deque[tuple[int, float | None, Points]] = deque()
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
            ValueError: If the distribution has too many points.
        """
        if len(distribution.levels) > MAX_POINTS:
            raise ValueError(
                f"it has {len(distribution.levels):,} points: expected at most {MAX_POINTS}"
            )
        self._lengths.append((number, tokens, encode_points(distribution)))
        self._due.set()

    def unknown(self, number: int) -> None:
        """Say that a request goes without a prediction."""
        self._lengths.append((number, None, encode_points(None)))
        self._due.set()

    def learnt(self, learnt: Learnt) -> None:
        """Say what finished requests have taught; only the latest counts."""
        self._learnt = learnt
        self._due.set()

    async def write(self) -> None:
        """Send what is to be said, everything of one turn of the loop together, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._due.wait()
            learnt, self._learnt = self._learnt, None
            if learnt is None:
                count = min(LENGTHS_AT_ONCE, len(self._lengths))
                packet = encode(Predicted([self._lengths.popleft() for _ in range(count)]))
            else:
                packet = encode(learnt)
            if not self._lengths:
                self._due.clear()
            if len(packet) > MAX_PACKET_BYTES:  # the core would read a part of it
                self._log.warn("learnt", "LLMs' names are too long: what is typical is not told")
                continue
            with contextlib.suppress(OSError):  # the core has ended: `read` says so
                await loop.sock_sendall(self._core, packet)
                self._board.rings += 1

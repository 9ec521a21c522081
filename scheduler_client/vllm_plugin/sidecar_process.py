"""The sidecar as the engine core sees it: a child, and a socket that never blocks."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Arrived,
    Ended,
    EngineInfo,
    Predicted,
    ToCore,
    decode_to_core,
    encode,
)
from scheduler_client.vllm_plugin.metrics_page import forget
from scheduler_client.vllm_plugin.outbox import Outbox
from scheduler_client.vllm_plugin.sidecar.board import Board, new_memory

MODULE = "scheduler_client.vllm_plugin.sidecar"
"""Run with `python -P -m`: an interpreter of its own, which shares no lock with the engine's, and
takes no module from the folder that it happens to be started in."""

READ_AT_ONCE = 32
"""Packets in one step at the most,"""

PLACED_AT_ONCE = 128
"""and after so many requests that they speak of no more: at some 10 us each about a millisecond."""

FIRST_RESTART_S, MAX_RESTART_S = 1.0, 60.0
"""Until a sidecar that died is started again; doubles each time it dies, unless it had lived for
longer than the latter."""


@dataclass(slots=True)
class Line:
    """To a sidecar that runs: two threads hold it, and it is closed once neither does.

    Args:
        socket: Ours, which does not block.
        heard: The board's rings that have been seen to.
    """

    socket: socket.socket
    heard: int

    def __del__(self) -> None:
        self.socket.close()


class SidecarProcess:
    """Keeps a sidecar running, and speaks to it.

    `put`, `flush` and `read` are for one thread, the engine's, and never wait. A thread of its own
    starts the sidecar, waits for its end and starts the next; another sends what the socket does
    not take at once, since the engine may come to rest, and makes no steps then.

    Args:
        engine: Told to each new sidecar first.
        clock: Monotonic time in seconds, by which a sidecar has lived for long.

    Raises:
        OSError: If there is no memory for the board.
    """

    def __init__(self, engine: EngineInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._first = encode([engine])
        self._owner = uuid4().hex
        self._memory = os.fdopen(new_memory(), "r+b")
        self.board = Board.at(self._memory.fileno())
        """What the sidecar shows of the engine core, and where it rings."""
        self._clock = clock
        self._outbox = Outbox()
        self._buffer = bytearray(MAX_PACKET_BYTES)
        self._line: Line | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._left = threading.Event()
        self.is_behind = False
        """Whether something was left to send after the last `flush`."""
        self.lost = 0
        """How many sidecars died: the next one knows nothing of the requests under way."""
        self._keeper = threading.Thread(target=self._keep_running, daemon=True)
        self._keeper.start()
        self._sender = threading.Thread(target=self._send_what_is_left, daemon=True)
        self._sender.start()

    def put(self, message: Arrived | Ended) -> bool:
        """Have a message sent by one of the next `flush`; False if too much waits already."""
        return self._outbox.put(message)

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it; the rest follows by itself."""
        line = self._line
        if line is None:
            self.is_behind = True
            return
        with suppress(OSError):  # it died: whoever waits for that starts the next
            if self._outbox.send(line.socket):
                self._left.set()
        self.is_behind = bool(self._outbox)

    def read(self) -> list[ToCore]:
        """The messages that have come, as many as one step takes in.

        Raises:
            msgspec.MsgspecError: If one is none.
        """
        messages: list[ToCore] = []
        line = self._line
        if line is None:
            return messages
        rung = self.board.rings  # what is sent after this look is left to the next step
        placed = packets = 0
        while line.heard < rung and packets < READ_AT_ONCE and placed < PLACED_AT_ONCE:
            packets += 1
            try:
                count = line.socket.recv_into(self._buffer)
            except BlockingIOError:
                line.heard = rung
                break
            except OSError:
                break
            if not count:
                break
            line.heard += 1
            message = decode_to_core(bytes(memoryview(self._buffer)[:count]))
            messages.append(message)
            if isinstance(message, Predicted):
                placed += len(message.lengths)
        return messages

    def close(self, timeout_s: float) -> None:
        """Send what waits and let the sidecar end by itself; then kill it.

        Args:
            timeout_s: How long that may take, in seconds: at most a second longer.
        """
        ends_s = time.monotonic() + timeout_s
        self._closing.set()
        self.flush()
        self._left.set()
        self._sender.join(timeout_s)
        if self._outbox:
            LOGGER.warning(
                "Lengthwise's sidecar was not told of %d messages before the engine ended: the "
                "last true lengths are not reported",
                len(self._outbox),
            )
        self._hang_up()
        self._left.set()
        self._keeper.join(max(0.0, ends_s - time.monotonic()) + 1.0)
        if self._keeper.is_alive() and self._child is not None:
            LOGGER.warning("Lengthwise's sidecar did not end in time: it is killed")
            self._child.kill()
            self._keeper.join()
        self._memory.close()

    def _hang_up(self) -> None:
        """Have the sidecar see the end, and whoever sends to it; what was sent it still reads."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    def _keep_running(self) -> None:
        """Start sidecars, one after another.

        To the kernel the thread that makes a process is its parent: at the end of that a sidecar
        that stands still is woken.
        """
        pause_s = FIRST_RESTART_S
        while True:
            started_s = self._clock()
            try:
                self._start()
                if self._closing.is_set():
                    self._hang_up()
                self._left.set()
                self._wait_for_end()
                self._see_end()
                ended = "has ended: requests go on by what is typical"
            except Exception as error:  # noqa: BLE001  it may do later
                ended = f"cannot be started: {error}"
            if self._closing.is_set():
                return
            if self._clock() - started_s > MAX_RESTART_S:
                pause_s = FIRST_RESTART_S
            LOGGER.warning("Lengthwise's sidecar %s; it is started again in %g s", ended, pause_s)
            if self._closing.wait(pause_s):
                return
            pause_s = min(2 * pause_s, MAX_RESTART_S)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):  # a small default would refuse large packets
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_PACKET_BYTES)
        ours.send(self._first)
        ours.setblocking(False)
        line = Line(ours, self.board.rings)
        with theirs:
            passed = theirs.fileno(), self._memory.fileno()
            self._child = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-P", "-m", MODULE, *map(str, passed), self._owner],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
            )
        self._line = line

    def _wait_for_end(self) -> None:
        if self._child is not None:
            self._child.wait()
            forget(self._owner)

    def _see_end(self) -> None:
        """What it knew of requests is gone; what it was not sent goes to the next one."""
        self._hang_up()  # whoever sends might wait for ever, if another process has the other end
        self.lost += 1

    def _send_what_is_left(self) -> None:
        while True:
            self._left.wait()
            self._left.clear()
            if (line := self._line) is not None:
                self._outbox.send_all(line.socket)
            if self._closing.is_set() and (self._line is None or not self._outbox):
                return

"""The sidecar as the engine core sees it: a child, and a socket that never blocks."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Arrived,
    Counted,
    Ended,
    EngineInfo,
    Predicted,
    ToCore,
    decode_to_core,
    encode,
)
from scheduler_client.vllm_plugin.metrics_page import forget
from scheduler_client.vllm_plugin.outbox import Outbox
from scheduler_client.vllm_plugin.sidecar.bell import Bell

MODULE = "scheduler_client.vllm_plugin.sidecar"
"""Run with `python -m`: an interpreter of its own, which shares no lock with the engine's."""

READ_AT_ONCE = 32
"""Packets in one step at the most,"""

PLACED_AT_ONCE = 128
"""and after so many requests that they speak of no more: at some 10 us each about a millisecond."""

READ_EVERY_S = 1.0
"""The socket is asked so often though nothing rang, since it alone tells that the sidecar died."""

FIRST_RESTART_S, MAX_RESTART_S = 1.0, 60.0
"""Until a sidecar that died is started again; doubles each time it dies, unless it had lived for
longer than the latter."""


class SidecarProcess:
    """Starts the sidecar, speaks to it, and starts it again if it dies. Not thread-safe.

    Nothing here waits, but `close` for what is under way: what the socket does not take waits in an
    Outbox, and a new sidecar is started by a thread.

    Args:
        engine: Told to each new sidecar first.
        clock: Monotonic time in seconds, by which a sidecar that died is started again.
    """

    def __init__(self, engine: EngineInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._outbox = Outbox()
        self._buffer = bytearray(MAX_PACKET_BYTES)
        self._socket: socket.socket | None = None
        self._bell: Bell | None = None
        self._read_at_s = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._start_is_over = threading.Event()
        self._start_is_over.set()
        self._restart_after_s = FIRST_RESTART_S
        self._restart_at_s = 0.0
        self._started_s = clock()
        self._unsent = 0
        self.counted = Counted()
        """What there is to count in the engine core; the message is the caller's to put."""
        self.unreadable = 0
        """Packets that were no message."""
        self.lost = 0
        """How many sidecars died: the next one knows nothing of the requests under way."""
        self._start()

    @property
    def unsent(self) -> int:
        """Messages that no sidecar was told."""
        return self._unsent + self._outbox.unsent

    def put(self, message: Arrived | Ended | Counted) -> bool:
        """Have a message sent by one of the next `flush`; False if too much waits already."""
        return self._outbox.put(message)

    def flush(self) -> bool:
        """Send what waits, as far as the socket takes it; whether something is left to send."""
        if self._socket is None:
            self._restart_if_due()
            return False
        try:
            return self._outbox.send(self._socket)
        except OSError:
            self._lost()
            return False

    def flush_all(self) -> None:
        """The same where no step may follow for long: a thread sends what is left, as it can."""
        if self.flush():
            threading.Thread(
                target=self._outbox.send_all, args=(self._socket,), daemon=True
            ).start()

    def read(self) -> list[ToCore]:
        """The messages that have come, as many as one step takes in."""
        messages: list[ToCore] = []
        bell = self._bell
        if bell is None:
            return messages
        rung = bell.rings  # what is sent after this look is left to the next step
        placed = packets = 0
        while self._socket is not None and packets < READ_AT_ONCE and placed < PLACED_AT_ONCE:
            if bell.heard >= rung and not self._look_is_due():
                break
            packets += 1
            try:
                count = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                bell.heard = rung
                break
            except OSError:
                count = 0
            if not count:
                self._lost()
                break
            bell.heard += 1
            message = self._decoded(bytes(memoryview(self._buffer)[:count]))
            if message is not None:
                messages.append(message)
            if isinstance(message, Predicted):
                placed += len(message.lengths) + len(message.unknown)
        return messages

    def close(self, timeout_s: float) -> None:
        """Send what waits and let the sidecar end by itself; then kill it.

        Args:
            timeout_s: How long that may take, in seconds: at most a second longer.
        """
        ends_s = time.monotonic() + timeout_s
        self._start_is_over.wait(timeout_s)
        if self._socket is not None:
            self._outbox.send_all(self._socket, max(0.0, ends_s - time.monotonic()))
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that still sends
            self._socket.close()
            self._socket = None
        if self._child is not None:
            try:
                self._child.wait(max(0.0, ends_s - time.monotonic()) + 1.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def _look_is_due(self) -> bool:
        """Whether the socket is to be asked though nothing rang."""
        now_s = self._clock()
        if now_s < self._read_at_s:
            return False
        self._read_at_s = now_s + READ_EVERY_S
        return True

    def _decoded(self, packet: bytes) -> ToCore | None:
        try:
            return decode_to_core(packet)
        except Exception:  # noqa: BLE001  it was cut off, or is none: the next may do
            if not self.unreadable:
                LOGGER.warning("Lengthwise's sidecar says what is no message", exc_info=True)
            self.unreadable += 1
            return None

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._start_child(theirs.fileno())
            ours.send(encode([self._engine]))
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        self._started_s = self._clock()
        self._socket = ours

    def _start_child(self, descriptor: int) -> None:
        memory = Bell.new()
        try:
            self._bell = Bell(memory)
            self._child = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", MODULE, str(descriptor), str(memory)],
                pass_fds=[descriptor, memory],
                stdin=subprocess.DEVNULL,
            )
        finally:
            os.close(memory)

    def _lost(self) -> None:
        """It died: nothing that waits would make sense to another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._unsent += self._outbox.unsent + len(self._outbox)
        self._outbox = Outbox()
        self.lost += 1
        self._engine.counted = msgspec.structs.replace(self.counted, batch_limit=0, itl_s=0.0)
        if self._clock() - self._started_s > MAX_RESTART_S:
            self._restart_after_s = FIRST_RESTART_S
        self._restart_at_s = self._clock() + self._restart_after_s
        LOGGER.warning(
            "Lengthwise's sidecar has ended: requests go on by what is typical, and it is started "
            "again in %g s",
            self._restart_after_s,
        )
        self._restart_after_s = min(2 * self._restart_after_s, MAX_RESTART_S)

    def _restart_if_due(self) -> None:
        """Start another one in a thread: making a process of a large one takes milliseconds."""
        if not self._start_is_over.is_set() or self._clock() < self._restart_at_s:
            return
        if self._child is not None:
            self._child.poll()  # collects what it leaves
            forget(self._child.pid)
        self._restart_at_s = self._clock() + self._restart_after_s
        self._start_is_over.clear()
        threading.Thread(target=self._start_again, daemon=True).start()

    def _start_again(self) -> None:
        """Start it, and stay: to the kernel the thread that made a process is its parent.

        At the end of its parent a sidecar that stands still is woken.
        """
        try:
            self._start()
        except OSError as error:
            LOGGER.warning("Lengthwise's sidecar cannot be started: %s", error)
            return
        finally:
            self._start_is_over.set()
        if self._child is not None:
            self._child.wait()

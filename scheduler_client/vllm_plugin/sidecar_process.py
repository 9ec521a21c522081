"""The sidecar as the engine core sees it: a child, and a socket that never blocks."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    MESSAGES_PER_PACKET,
    Arrived,
    Counted,
    Ended,
    Predicted,
    Settled,
    ToCore,
    decode_to_core,
    encode,
)
from scheduler_client.vllm_plugin.sidecar.bell import Bell
from scheduler_client.vllm_plugin.tracked import Tracked

MODULE = "scheduler_client.vllm_plugin.sidecar"
"""Run with `python -m`: an interpreter of its own, which shares no lock with the engine's."""

MAX_WAITING = 20_000
"""Messages kept for a sidecar that takes none; the next are not sent. Of requests in the engine
they are made as they go, so that they are some hundred bytes each."""

MAX_KEPT_TOKENS = 1_000_000
"""Of the prompts of requests that have ended, in those messages: at some 40 bytes each 40 MB. The
next go without their text."""

SENT_AT_ONCE = 64
"""Messages in one step at the most: at some 10 us each under a millisecond."""

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

    Nothing here waits, but `close` for what is under way: what the socket does not take waits in a
    bounded queue, and a new sidecar is started by a thread.

    Args:
        settled: Told to each new sidecar first.
        clock: Monotonic time in seconds, by which a sidecar that died is started again.
    """

    def __init__(self, settled: Settled, clock: Callable[[], float] = time.monotonic) -> None:
        self._settled = settled
        self._clock = clock
        self._waiting: deque[Tracked | Ended | Counted] = deque()
        self._packet: bytes | None = None
        self._in_packet = 0
        self._kept_tokens = 0
        self._buffer = bytearray(MAX_PACKET_BYTES)
        self._socket: socket.socket | None = None
        self._bell: Bell | None = None
        self._read_at_s = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._no_start_under_way = threading.Event()
        self._no_start_under_way.set()
        self._restart_after_s = FIRST_RESTART_S
        self._restart_at_s = 0.0
        self._started_s = clock()
        self.unsent = 0
        self.unreadable = 0
        """Packets that were no message."""
        self.generation = 0
        """How many sidecars there were: a new one knows nothing of the requests under way."""
        self._start()

    def put(self, message: Tracked | Ended | Counted) -> bool:
        """Have a message sent with one of the next `flush`; of a request that it has come.

        Returns:
            False if too many wait: it is not sent.
        """
        if len(self._waiting) >= MAX_WAITING:
            self.unsent += 1
            return False
        if isinstance(message, Tracked):
            if message.is_waiting:
                return True
            message.is_waiting = True
        self._waiting.append(message)
        return True

    def keep(self, tracked: Tracked) -> None:
        """The engine lets go of a request: what is still to be said of it must not hang on that."""
        if not tracked.is_waiting:
            return
        kept = tracked.arrived()
        if self._kept_tokens + len(kept.token_ids) > MAX_KEPT_TOKENS:
            kept.token_ids = []
            self.unsent += 1
        self._kept_tokens += len(kept.token_ids)
        tracked.kept = kept

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        if self._socket is None:
            self._restart_if_due()
            return
        try:
            for _ in range(SENT_AT_ONCE // MESSAGES_PER_PACKET):
                if not self._send_some(self._socket):
                    break
        except BlockingIOError:
            pass
        except OSError:
            self._lost()

    def read(self) -> list[ToCore]:
        """The messages that have come, as many as one step takes in."""
        messages: list[ToCore] = []
        bell = self._bell
        if bell is None:
            return messages
        rung = bell.rings  # what is sent after this look is left to the next step
        placed = packets = 0
        while self._socket is not None and packets < READ_AT_ONCE and placed < PLACED_AT_ONCE:
            if bell.heard >= rung and not self._is_due():
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
            timeout_s: How long each send may wait, in seconds, and the end a second longer.
        """
        self._no_start_under_way.wait(timeout_s + 1.0)
        if self._socket is not None:
            self._socket.settimeout(timeout_s)
            with suppress(OSError):
                while self._send_some(self._socket):
                    pass
            self._socket.close()
            self._socket = None
        if self._child is not None:
            try:
                self._child.wait(timeout_s + 1.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def _is_due(self) -> bool:
        """Whether the socket is to be asked though nothing rang."""
        now_s = self._clock()
        if now_s < self._read_at_s:
            return False
        self._read_at_s = now_s + READ_EVERY_S
        return True

    def _send_some(self, to: socket.socket) -> bool:
        """Send the oldest of what waits; False if nothing does."""
        if self._packet is None:
            if not self._waiting:
                return False
            self._fill_packet()
        if self._packet is not None:
            to.send(self._packet)  # what does not go is kept as it is
            self._packet, self._in_packet = None, 0
        return True

    def _fill_packet(self) -> None:
        """Encode the oldest; one that no packet holds is dropped, for the socket takes none."""
        count = min(MESSAGES_PER_PACKET, len(self._waiting))
        packet = encode([self._message(self._waiting[i]) for i in range(count)])
        if len(packet) > MAX_PACKET_BYTES and count > 1:
            count = 1
            packet = encode([self._message(self._waiting[0])])
        for _ in range(count):
            self._took(self._waiting.popleft())
        if len(packet) > MAX_PACKET_BYTES:
            self.unsent += 1
        else:
            self._packet, self._in_packet = packet, count

    @staticmethod
    def _message(waiting: Tracked | Ended | Counted) -> Arrived | Ended | Counted:
        return (waiting.kept or waiting.arrived()) if isinstance(waiting, Tracked) else waiting

    def _took(self, waiting: Tracked | Ended | Counted) -> None:
        if isinstance(waiting, Tracked):
            waiting.is_waiting = False
            if waiting.kept is not None:
                self._kept_tokens -= len(waiting.kept.token_ids)
                waiting.kept = None

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
            ours.send(encode([self._settled]))
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        self.generation += 1
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
        self.unsent += len(self._waiting) + self._in_packet
        while self._waiting:
            self._took(self._waiting.popleft())
        self._packet, self._in_packet = None, 0
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
        if not self._no_start_under_way.is_set() or self._clock() < self._restart_at_s:
            return
        if self._child is not None:
            self._child.poll()  # collects what it leaves
        self._restart_at_s = self._clock() + self._restart_after_s
        self._no_start_under_way.clear()
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
            self._no_start_under_way.set()
        if self._child is not None:
            self._child.wait()

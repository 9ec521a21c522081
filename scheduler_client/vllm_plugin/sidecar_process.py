"""The sidecar as the engine core sees it: a child, and a socket that never blocks."""

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
    Settled,
    ToCore,
    ToSidecar,
    decode_to_core,
    encode,
)

MODULE = "scheduler_client.vllm_plugin.sidecar"

MAX_WAITING = 20_000
"""Messages kept for a sidecar that takes none: some megabytes. The next are not sent."""

SENT_AT_ONCE = 64
"""Messages in one step at the most: at some 10 us each under a millisecond."""

READ_AT_ONCE = 32
"""Messages in one step at the most."""

FIRST_RESTART_S, MAX_RESTART_S = 1.0, 60.0
"""Until a sidecar that died is started again; doubles each time it dies."""


class SidecarProcess:
    """Starts the sidecar, speaks to it, and starts it again if it dies. Not thread-safe.

    Nothing here waits, but `close` for what is under way: what the socket does not take waits in a
    bounded queue, and a new sidecar is started by a thread.

    Args:
        settled: Told to each new sidecar first.
        clock: Seconds, monotonic.
    """

    def __init__(self, settled: Settled, clock: Callable[[], float] = time.monotonic) -> None:
        self._settled = settled
        self._clock = clock
        self._waiting: deque[ToSidecar] = deque()
        self._socket: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._starting: threading.Thread | None = None
        self._restart_after_s = FIRST_RESTART_S
        self._restart_at_s = 0.0
        self.unsent = 0
        self.generation = 0
        """How many sidecars there were: a new one knows nothing of the requests under way."""
        self._start()

    def put(self, message: ToSidecar) -> bool:
        """Have a message sent with the next `flush`.

        Returns:
            False if too many wait: it is not sent.
        """
        if len(self._waiting) >= MAX_WAITING:
            self.unsent += 1
            return False
        self._waiting.append(message)
        return True

    def flush(self, limit: int = SENT_AT_ONCE) -> None:
        """Send what waits, as far as the socket takes it."""
        if self._socket is None:
            self._restart_if_due()
            return
        try:
            while self._waiting and limit > 0:
                self._send_some(self._socket)
                limit -= MESSAGES_PER_PACKET
        except BlockingIOError:
            pass
        except OSError:
            self._lost()

    def read(self) -> list[ToCore]:
        """The messages that have come."""
        messages: list[ToCore] = []
        if self._socket is None:
            return messages
        with suppress(BlockingIOError):
            for _ in range(READ_AT_ONCE):
                try:
                    packet = self._socket.recv(MAX_PACKET_BYTES)
                except BlockingIOError:
                    raise
                except OSError:
                    packet = b""
                if not packet:
                    self._lost()
                    break
                messages.append(decode_to_core(packet))
        return messages

    def close(self, timeout_s: float) -> None:
        """Send what waits and let the sidecar end by itself, within so many seconds; then kill it.

        Args:
            timeout_s: For the last reports.
        """
        if self._socket is not None:
            self._socket.settimeout(timeout_s)
            with suppress(OSError):
                while self._waiting:
                    self._send_some(self._socket)
            self._socket.close()
            self._socket = None
        if self._child is not None:
            try:
                self._child.wait(timeout_s + 1.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def _send_some(self, to: socket.socket) -> None:
        """Send the oldest of what waits; where it does not go, it waits on."""
        count = min(MESSAGES_PER_PACKET, len(self._waiting))
        to.send(encode([self._waiting[i] for i in range(count)]))
        for _ in range(count):
            self._waiting.popleft()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        ours.send(encode([self._settled]))
        ours.setblocking(False)
        self.generation += 1
        self._socket = ours

    def _lost(self) -> None:
        """It died: nothing that waits would make sense to another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.unsent += len(self._waiting)
        self._waiting.clear()
        self._restart_at_s = self._clock() + self._restart_after_s
        LOGGER.warning(
            "Lengthwise's sidecar has ended: requests go on by what is typical, and it is started "
            "again in %g s",
            self._restart_after_s,
        )
        self._restart_after_s = min(2 * self._restart_after_s, MAX_RESTART_S)

    def _restart_if_due(self) -> None:
        """Start another one in a thread: making a process of a large one takes milliseconds."""
        starting = self._starting is not None and self._starting.is_alive()
        if starting or self._clock() < self._restart_at_s:
            return
        if self._child is not None:
            self._child.poll()  # collects what it leaves
        self._restart_at_s = self._clock() + self._restart_after_s
        self._starting = threading.Thread(target=self._start_again, daemon=True)
        self._starting.start()

    def _start_again(self) -> None:
        try:
            self._start()
        except OSError as error:
            LOGGER.warning("Lengthwise's sidecar cannot be started: %s", error)

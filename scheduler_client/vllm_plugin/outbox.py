"""What the engine core has to say to its sidecar, until the socket takes it."""

import select
import socket
from collections import deque
from threading import Lock

import msgspec

from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Arrived,
    Ended,
    encode,
)

MAX_WAITING_BYTES = 64 * 2**20
"""Of messages for a sidecar that takes none, some ten thousand prompts; the next are not sent."""

PACKET_BYTES = 32 * 1024
"""What a packet is filled up to: some prompts, or some hundred endings."""

PACKETS_AT_ONCE = 16
"""In one step at the most: a send takes some 10 us."""


class Outbox:
    """Messages in their order. One thread puts them in, and whoever finds it free sends.

    They outlive a sidecar: what it was not sent the next one is. With a thread that sends
    everything, the first token of an idle engine came 3 ms later (benchmarks.vllm_engine_core).
    """

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._put_bytes = 0
        self._sent_bytes = 0
        self._sending = Lock()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Arrived | Ended) -> bool:
        """Have a message sent.

        Returns:
            False if too much waits, or no packet holds it: it is not sent.
        """
        encoded = encode(message)
        waiting_bytes = self._put_bytes - self._sent_bytes
        if len(encoded) >= MAX_PACKET_BYTES or waiting_bytes >= MAX_WAITING_BYTES:
            return False
        self._put_bytes += len(encoded)
        self._messages.append(encoded)
        return True

    def send(self, to: socket.socket) -> bool:
        """Send as much as a step may, and as the socket takes without waiting.

        Returns:
            Whether something is left that no other thread is sending.

        Raises:
            OSError: If the other end is closed.
        """
        if not self._messages or not self._sending.acquire(blocking=False):
            return False
        try:
            for _ in range(PACKETS_AT_ONCE):
                if not self._messages:
                    break
                self._send_packet(to)
        except BlockingIOError:
            pass
        finally:
            self._sending.release()
        return bool(self._messages)

    def send_all(self, to: socket.socket) -> None:
        """Wait until everything is sent, or the other end is closed.

        Args:
            to: A socket that does not block.
        """
        poll = select.poll()
        try:
            poll.register(to, select.POLLOUT)
            while self._messages:  # asked again once others may send: they left it to this thread
                with self._sending:
                    while self._messages:
                        try:
                            self._send_packet(to)
                        except BlockingIOError:
                            poll.poll()
        except (OSError, ValueError):  # closed there, or here meanwhile
            return

    def _send_packet(self, to: socket.socket) -> None:
        """Send the oldest; they stay if the socket does not take them."""
        parts = [self._messages[0]]
        room_bytes = PACKET_BYTES - len(parts[0])
        for i in range(1, len(self._messages)):
            room_bytes -= len(self._messages[i])
            if room_bytes < 0:
                break
            parts.append(self._messages[i])
        to.send(encode([msgspec.Raw(part) for part in parts]))
        for part in parts:
            self._messages.popleft()
            self._sent_bytes += len(part)

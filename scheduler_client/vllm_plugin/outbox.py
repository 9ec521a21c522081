"""What the engine core has to say to its sidecar, until a thread has sent it."""

import socket
from collections import deque

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


class Outbox:
    """Messages in their order. One thread puts them in, another one sends them.

    They outlive a sidecar: what it was not sent the next one is.
    """

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self.put_bytes = 0
        self.sent_bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Arrived | Ended) -> bool:
        """Have a message sent.

        Returns:
            False if too much waits, or no packet holds it: it is not sent.
        """
        encoded = encode(message)
        waiting_bytes = self.put_bytes - self.sent_bytes
        if len(encoded) >= MAX_PACKET_BYTES or waiting_bytes >= MAX_WAITING_BYTES:
            return False
        self.put_bytes += len(encoded)
        self._messages.append(encoded)
        return True

    def send(self, to: socket.socket) -> None:
        """Send everything, a few messages in a packet.

        Args:
            to: A socket that blocks: this waits for room in it.

        Raises:
            OSError: If the other end is closed; what was not sent stays.
        """
        while self._messages:
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
                self.sent_bytes += len(part)

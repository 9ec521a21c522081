"""The way between the device's memory and the host's: beside the steps on a GPU, at once elsewhere.

What is told first is done first, in both directions: so a slot or a block that is given to another
needs no further care.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import torch

MAX_STAGED_BYTES = 256 << 20
"""On the way out at once, beside the blocks: a device that is full has not much more to spare."""


class Link(Protocol):
    """Carries out copies in the order in which it is told of them."""

    def send(self, rows: torch.Tensor, write: Callable[[torch.Tensor], None]) -> None:
        """Write rows to the host's memory.

        Args:
            rows: On the device, made by what was told to the device before; not to be changed.
            write: Writes such rows to their slots, wherever it is called.
        """
        ...

    def fetch(self, request_id: str, bring: Callable[[], None]) -> None:
        """Bring a request's blocks back; nobody uses them before it has arrived.

        If `bring` raises, so does this, and nothing arrives.
        """
        ...

    def take_arrived(self) -> set[str]:
        """Whose blocks have arrived since the last time."""
        ...


class DirectLink:
    """Copies when it is told, and is done then: where both ends are the same memory."""

    def __init__(self) -> None:
        self._arrived: set[str] = set()

    def send(self, rows: torch.Tensor, write: Callable[[torch.Tensor], None]) -> None:
        write(rows)

    def fetch(self, request_id: str, bring: Callable[[], None]) -> None:
        bring()
        self._arrived.add(request_id)

    def take_arrived(self) -> set[str]:
        arrived, self._arrived = self._arrived, set()
        return arrived


class StreamLink:
    """A CUDA stream of its own, so that steps go on while rows cross.

    Rows out are made on the stream of the steps, before the step that overwrites their blocks, and
    cross on this one. What comes in is brought wholly on this one, after all that was begun before
    its blocks were given away.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self._staged_bytes = 0
        self._sent: deque[tuple[torch.cuda.Event, torch.Tensor]] = deque()
        self._coming: dict[str, torch.cuda.Event] = {}

    def send(self, rows: torch.Tensor, write: Callable[[torch.Tensor], None]) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            write(rows)
        # Held until it has crossed, or the steps would be given its memory for something else.
        self._sent.append((self._event(), rows))
        self._staged_bytes += rows.nbytes
        self._let_go()

    def fetch(self, request_id: str, bring: Callable[[], None]) -> None:
        steps = torch.cuda.current_stream()
        self._stream.wait_stream(steps)
        try:
            with torch.cuda.stream(self._stream):
                bring()
        except Exception:
            steps.wait_stream(self._stream)  # a part may be under way to blocks that are let go
            raise
        self._coming[request_id] = self._event()

    def take_arrived(self) -> set[str]:
        arrived = {name for name, event in self._coming.items() if event.query()}
        for name in arrived:
            del self._coming[name]
        return arrived

    def _event(self) -> torch.cuda.Event:
        """Comes about when all that was told so far is done."""
        event = torch.cuda.Event()
        event.record(self._stream)
        return event

    def _let_go(self) -> None:
        """Let go of rows that have crossed, and wait for the oldest while too many have not."""
        while self._sent:
            event, rows = self._sent[0]
            if self._staged_bytes > MAX_STAGED_BYTES:
                event.synchronize()
            elif not event.query():
                return
            self._sent.popleft()
            self._staged_bytes -= rows.nbytes


def link_of(device: torch.device) -> Link:
    """The link for a device."""
    return StreamLink(device) if device.type == "cuda" else DirectLink()

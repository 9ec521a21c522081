"""Server-sent events out of the bytes of a stream, wherever those were cut."""

from collections.abc import Iterator

MAX_EVENT_BYTES = 4 * 2**20
"""An event longer than this is not looked at: the last one of OpenAI's Responses repeats all text.
"""


class SseEvents:
    """Gives the data of each event (WHATWG HTML, 9.2.6), as its last byte comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, content: bytes) -> Iterator[bytes]:
        """Take in what came, and give what is whole now.

        Raises:
            ValueError: If an event has no end; the stream cannot be read any further.
        """
        *ended, self._rest = (self._rest + content).split(b"\n")
        for line in (one.removesuffix(b"\r") for one in ended):
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data, self._size = [], 0
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError(f"an event has over {MAX_EVENT_BYTES:,} bytes")

    def last(self) -> bytes:
        """The data of an event that nothing ended, as servers leave the last one at times."""
        return b"\n".join(self._data)

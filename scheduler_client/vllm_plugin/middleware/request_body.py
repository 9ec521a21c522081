"""The body of a request: read before the application sees it, and given to it again."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from scheduler_client.advisor.api_request import MAX_BODY_BYTES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


@dataclass(frozen=True, slots=True)
class HttpBody:
    """What came so far.

    Args:
        messages: As the server gave them.
        content: Their bodies joined: the request's JSON, if it is whole.
        whole: Whether that is all: neither too long nor broken off.
    """

    messages: tuple[Message, ...]
    content: bytes
    whole: bool

    def replayed(self, receive: Receive) -> Receive:
        """A `receive` that gives the same messages again, then what follows them."""
        waiting = list(reversed(self.messages))

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        return again


async def read_body(receive: Receive, limit_bytes: int = MAX_BODY_BYTES) -> HttpBody:
    """Read the body of a request, as far as the limit."""
    messages: list[Message] = []
    content = bytearray()
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":  # the client left
            return HttpBody(tuple(messages), bytes(content), whole=False)
        content += message.get("body", b"")
        more = message.get("more_body", False)
        if not more or len(content) > limit_bytes:
            return HttpBody(tuple(messages), bytes(content), whole=not more)

"""A completions or chat request over HTTP: its body read, and handed on as it came (ASGI)."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, cast

from scheduler_client.advisor.api_request import ApiRequest, read_api_request

MAX_BODY_BYTES = 4 * 2**20
"""A prompt longer than this is not looked at."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


@dataclass(frozen=True, slots=True)
class HttpBody:
    """What came so far.

    Args:
        messages: As the server gave them.
        content: The bytes in them.
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


def read_request(content: bytes) -> ApiRequest | None:
    """Read a body; None if it is no JSON object, which vLLM will refuse."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return read_api_request(cast("dict[str, Any]", body)) if isinstance(body, dict) else None

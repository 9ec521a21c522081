"""A completions or chat request over HTTP: its body read, and handed on as it came (ASGI)."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.request import known_temperature

_T = TypeVar("_T")

MAX_BODY_BYTES = 4 * 2**20
"""A prompt longer than this is not looked at."""

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


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as OpenAI's API has it.

    Args:
        text: Of its prompt; None if it has none: token ids, several prompts, images.
        model: The LLM's name that the caller asks for; "" if there is none.
        max_tokens: The limit on generated tokens, if there is one.
        temperature: Of the sampling; None if the body says nothing: the model's own default holds
            then, which is not known here.
        priority: That the caller set; 0 if none.
    """

    text: str | None
    model: str
    max_tokens: int | None
    temperature: float | None
    priority: int


def read_request(content: bytes) -> HttpRequest | None:
    """Read a body; None if it is no JSON object, which vLLM will refuse."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    fields = cast("dict[str, Any]", body)
    return HttpRequest(
        text=_text(fields),
        model=_a(str, fields, "model") or "",
        max_tokens=_a(int, fields, "max_completion_tokens") or _a(int, fields, "max_tokens"),
        temperature=known_temperature(fields.get("temperature")),
        priority=_a(int, fields, "priority") or 0,
    )


def _text(fields: Mapping[str, Any]) -> str | None:
    if "messages" not in fields:
        return _a(str, fields, "prompt") or None
    if not isinstance(fields["messages"], list):
        return None
    messages = cast("list[Any]", fields["messages"])
    texts = [_message_text(message) for message in messages]
    if None in texts:
        return None
    roles = [_a(str, cast("dict[str, Any]", message), "role") or "user" for message in messages]
    said = [ChatMessage(role, text or "") for role, text in zip(roles, texts, strict=True)]
    return render_conversation(said) or None


def _message_text(message: Any) -> str | None:
    """The text of a message; None if it holds anything else."""
    content: Any = cast("dict[str, Any]", message).get("content") if _is_object(message) else None
    if content is None or isinstance(content, str):
        return content or ""
    parts: Sequence[Any] = cast("list[Any]", content) if isinstance(content, list) else [content]
    if any(not _is_object(part) or part.get("type") != "text" for part in parts):
        return None
    return "\n".join(str(part.get("text", "")) for part in parts)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _a(kind: type[_T], fields: Mapping[str, Any], name: str) -> _T | None:
    """A field, if it is of that type (true and false are no numbers)."""
    value = fields.get(name)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None

"""How an answer ended, read off the bytes of an HTTP response as they pass."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from scheduler_client.gateways.answer_parts import AnswerParts
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.sse_events import SseEvents

_BEFORE_TOKENS = frozenset({"response.created", "response.queued", "response.in_progress", "ping"})
"""Types of events that come before anything runs, or while nothing does: of Responses and of
Anthropic's API."""

MAX_ANSWER_BYTES = 8 * 2**20
"""An answer that is not streamed and longer than this is not looked at: with log probabilities of
ten thousand tokens."""


def is_plain(headers: Mapping[str, str]) -> bool:
    """Whether a body is sent as it is: nobody decompresses anything here."""
    return headers.get("content-encoding", "").strip().lower() in ("", "identity")


class _Parser(Protocol):
    """Makes objects of bytes; both methods raise ValueError for what cannot be read."""

    def feed(self, content: bytes) -> Iterable[bytes]: ...

    def last(self) -> bytes: ...


class _WholeJson:
    """An answer that is one object."""

    def __init__(self) -> None:
        self._content = bytearray()

    def feed(self, content: bytes) -> Iterable[bytes]:
        self._content += content
        if len(self._content) > MAX_ANSWER_BYTES:
            raise ValueError(f"the answer has over {MAX_ANSWER_BYTES:,} bytes")
        return ()

    def last(self) -> bytes:
        return bytes(self._content)


class AnswerReader:
    """Reads one response. It never raises: what cannot be read makes the ending "unreadable".

    Args:
        headers: Of the response, names in lower case, ":status" among them.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._failed = headers.get(":status") != "200"
        self._unreadable = not is_plain(headers)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        self._is_stream = kind == "text/event-stream"
        self._parser: _Parser = SseEvents() if self._is_stream else _WholeJson()
        self._parts = AnswerParts()
        self._first_token_s: float | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing that comes can change the ending."""
        return self._failed or self._unreadable

    def feed(self, content: bytes, now_s: float) -> None:
        """Take in a piece of the body.

        Args:
            content: As it came, cut anywhere.
            now_s: When it came, in seconds since 1970.
        """
        if self.is_settled:
            return
        try:
            for data in self._parser.feed(content):
                self._take(data, now_s)
        except ValueError:
            self._unreadable = True

    def skip(self, now_s: float) -> None:
        """Take note of an event of a token that is not worth reading: see `feed`."""
        if self._is_stream and self._first_token_s is None:
            self._first_token_s = now_s

    def ending(self, *, whole: bool) -> Ending:
        """How the call ended; asked once.

        Args:
            whole: The response came to its end. Of a stream of one answer that was cut after its
                finish reason and usage the length is known all the same.
        """
        if self._failed:
            return Ending("error")
        try:
            if not self._unreadable and (whole or self._is_stream):
                self._take(self._parser.last())
        except ValueError:
            self._unreadable = self._unreadable or whole
        if self._unreadable:
            return Ending("unreadable")
        return self._read(whole=whole)

    def _read(self, *, whole: bool) -> Ending:
        reason, tokens = self._parts.finish_reason, self._parts.output_tokens
        # Of several answers that were cut the usage may be that of one: it is no mean.
        if reason is None or (self._parts.are_several and not whole):
            return Ending("abort")
        if tokens is None and reason in ("stop", "length"):
            return Ending("no_usage", first_token_s=self._first_token_s)
        return Ending(reason, tokens or 0, self._parts.input_tokens, self._first_token_s)

    def _take(self, data: bytes, now_s: float | None = None) -> None:
        if not data or data == b"[DONE]":
            return
        try:
            fields = json.loads(data)
        except RecursionError as error:
            raise ValueError(str(error)) from error
        if isinstance(fields, dict):
            event = cast("dict[str, Any]", fields)
            if now_s is not None and event.get("type") not in _BEFORE_TOKENS:
                self.skip(now_s)
            self._parts.take(event)

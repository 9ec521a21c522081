"""How an answer ended, read as it is sent."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.gateways.answer_reader import AnswerReader
from scheduler_client.gateways.ending import Ending

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

GOES_ON, ENDS = b'"finish_reason":null', b'"finish_reason":"'
"""What vLLM writes into each event of a stream but the last, and into that. In a text their quotes
would have backslashes."""

USAGE, FIRST_CHOICE = b'"usage":{', b'"choices":[{"index":0,'
"""What vLLM writes into an event that says a length, as each does under its option
--enable-force-include-usage, and into one of a stream's only answer or the first of several."""


class Answer:
    """Reads how an answer ended, as it is sent.

    Args:
        send: What the server gave, by which messages reach the caller.
        log: Told of what fails in reading: that must not touch the answer.
    """

    def __init__(self, send: Send, log: RateLimitedLog) -> None:
        self._send = send
        self._log = log
        self._reader: AnswerReader | None = None
        self._ended_s: float | None = None
        self._failed = False

    async def send(self, message: Message) -> None:
        """Send a message on."""
        try:
            self._read(message)
        except Exception as error:  # noqa: BLE001  as above
            self._failed = True
            self._log.fault("reading an answer in the middleware", error)
        await self._send(message)

    def ending(self) -> Ending:
        """How it ended, now that nothing more comes."""
        if self._reader is None or self._failed:
            return Ending("abort")
        is_whole = self._ended_s is not None
        ending = self._reader.ending(whole=is_whole)
        if ending.kind == "no_usage" and not is_whole:  # of several answers others went on
            return Ending("abort")
        return replace(ending, ended_s=self._ended_s)

    def _read(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            said = message.get("headers", ())
            pairs = said if isinstance(said, list | tuple) else ()  # others may be read once only
            headers = {name.decode("latin-1").lower(): text for name, text in pairs}
            texts = {name: text.decode("latin-1") for name, text in headers.items()}
            self._reader = AnswerReader({**texts, ":status": str(message["status"])})
        elif message["type"] == "http.response.body" and self._reader is not None:
            content = bytes(message.get("body", b""))
            if _says_nothing(content):
                self._reader.skip(time.time())
            else:
                self._reader.feed(content, time.time())
            if not message.get("more_body", False):
                self._ended_s = time.time()


def _says_nothing(content: bytes) -> bool:
    """Whether a piece of a stream is the event of one token: reading each would take its time.

    Its usage, if it has one, is not the last: that stands in the event of the finish reason or in
    one without choices, which are read. Where events have usages those of further answers are read,
    too: if the stream is cut, they alone tell that there are several.
    """
    return (
        content.startswith(b"data:")
        and content.endswith(b"\n\n")
        and content.count(b"\n\n") == 1
        and GOES_ON in content
        and ENDS not in content
        and (USAGE not in content or FIRST_CHOICE in content)
    )

"""Priorities through vLLM's public interfaces only: the header X-Vllm-Priority.

`vllm serve --middleware scheduler_client.vllm_plugin.middleware.LengthwiseMiddleware`: for a
vLLM in which no scheduler may be changed. It sees the request's body, not what the chat template
makes of it, and a request waits for its prediction. Where the plugin is on it steps aside.
"""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from scheduler_client.advisor.api_request import MAX_BODY_BYTES, read_api_body
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.placing import Placing
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.log import log_with_vllm
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.plugin import is_on

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PRIORITY = b"x-vllm-priority"
"""The header that vLLM reads, in lower case as ASGI has all names."""

PATHS = ("/v1/completions", "/v1/chat/completions")
"""Where prompts come in."""


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


class LengthwiseMiddleware:
    """An ASGI middleware that sets a priority on requests that have none.

    Args:
        app: What is called next: the application of vLLM's API server.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        settings = AdvisorSettings.from_environment(os.environ)
        self._priorities = Priorities(settings) if settings is not None and not is_on() else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a priority."""
        if self._priorities is None or not _is_prompt(scope):
            await self._app(scope, receive, send)
            return
        body = await read_body(receive)
        key = await self._priorities.of(body)
        if key is not None:
            scope = {**scope, "headers": [*scope["headers"], (PRIORITY, b"%d" % key)]}
        await self._app(scope, body.replayed(receive), send)


class Priorities:
    """Gives a request its priority before the engine sees it, within a deadline.

    It hears of no end, so it learns nothing of the engine: the rule's start values hold.

    Args:
        settings: The target, the rule, the deadline and the LLM's name in the history.
        clock: Wall clock, in seconds since 1970: keys of several API servers share it.
        connection: To the predictor; None makes one.
        metrics: Of this process; None makes them.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        *,
        clock: Callable[[], float] = time.time,
        connection: Connection | None = None,
        metrics: PluginMetrics | None = None,
    ) -> None:
        log_with_vllm()
        self._shadow = settings.shadow
        self._clock = clock
        self._log = RateLimitedLog(time.monotonic)
        self._placing = Placing(settings, connection or Connection(settings), self._log)
        self.metrics = metrics or PluginMetrics()

    async def of(self, body: HttpBody) -> int | None:
        """That of a request by its body; None where it is left as it is. Never raises."""
        arrival_s = self._clock()
        try:
            key = await self._key(body, arrival_s)
        except Exception as error:  # noqa: BLE001  the request goes on by its arrival
            self._log.fault("choosing a priority in the middleware", error)
            self.metrics.internal_error()
            key = self._placing.place_by_arrival(arrival_s).key
        return None if self._shadow else key

    async def _key(self, body: HttpBody, arrival_s: float) -> int | None:
        if not body.whole:
            placed = self._placing.place_by_arrival(arrival_s)
        elif (call := read_api_body(body.content)) is None:  # nothing that vLLM will take
            return None
        elif call.priority:
            self.metrics.not_asked("untouched")
            return None
        else:
            placed = await self._placing.place(call, arrival_s)
        if placed.fallback is None:
            self.metrics.predicted(self._clock() - arrival_s)
        else:
            self.metrics.fell_back(placed.fallback)
        return placed.key


def _is_prompt(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "POST"
        and scope["path"].endswith(PATHS)
        and all(name != PRIORITY for name, _ in scope["headers"])
    )

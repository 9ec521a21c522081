"""Priorities through vLLM's public interfaces only: the header X-Vllm-Priority.

`vllm serve --middleware scheduler_client.vllm_plugin.middleware.LengthwiseMiddleware`: for a
vLLM whose inside the plugin does not know. It sees the request's body, not what the chat template
makes of it. Where the plugin is on it steps aside.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

from scheduler_client.advisor import Question
from scheduler_client.vllm_plugin.http_body import HttpBody, read_body
from scheduler_client.vllm_plugin.http_question import AskedOverHttp, read_question
from scheduler_client.vllm_plugin.runtime import Runtime, start_runtime

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PRIORITY = b"x-vllm-priority"
REQUEST_ID = b"x-request-id"
PATHS = {"/v1/completions": "cmpl-{}-0", "/v1/chat/completions": "chatcmpl-{}"}
"""Where prompts come in, and the id that vLLM's engine will know the request by."""


class LengthwiseMiddleware:
    """An ASGI middleware that sets a priority on requests that have none.

    Args:
        app: vLLM's.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._runtime = start_runtime(os.environ)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a priority."""
        runtime = self._runtime
        if runtime is None or runtime.wraps_engine or not _is_prompt(scope):
            await self._app(scope, receive, send)
            return
        body = await read_body(receive)
        try:
            added = await _headers(runtime, scope, body)
        except Exception:  # noqa: BLE001  the request goes on by its arrival
            runtime.trouble("choosing a priority in the middleware")
            added = [(PRIORITY, b"%d" % runtime.last_resort_key())]
        if runtime.settings.shadow:
            added = [header for header in added if header[0] != PRIORITY]
        scope = {**scope, "headers": [*scope["headers"], *added]}
        await self._app(scope, body.replayed(receive), send)


def _is_prompt(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "POST"
        and _path(scope) is not None
        and _header(scope, PRIORITY) is None
    )


def _path(scope: Scope) -> str | None:
    return next((path for path in PATHS if scope["path"].endswith(path)), None)


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None
    )


async def _headers(runtime: Runtime, scope: Scope, body: HttpBody) -> list[tuple[bytes, bytes]]:
    """The headers to add."""
    arrival_s = runtime.clock()
    if not body.whole:
        runtime.metrics.fell_back("no_text")
        return [(PRIORITY, b"%d" % runtime.last_resort_key())]
    asked = read_question(body.content)
    if asked is None:  # nothing that vLLM will take
        return []
    if asked.priority:
        runtime.metrics.untouched()
        return []
    added: list[tuple[bytes, bytes]] = []
    http_id = _header(scope, REQUEST_ID) or asked.request_id
    if http_id is None:
        http_id = uuid4().hex
        added = [(REQUEST_ID, http_id.encode())]
    key = await _key(runtime, asked, PATHS[_path(scope) or ""].format(http_id), arrival_s)
    return [(PRIORITY, b"%d" % key), *added]


async def _key(runtime: Runtime, asked: AskedOverHttp, engine_id: str, arrival_s: float) -> int:
    question = Question(
        request_id=engine_id,
        prompt=asked.text,
        model=asked.model,
        max_tokens=asked.max_tokens,
        input_tokens=0,
        arrival_s=arrival_s,
        temperature=asked.temperature,
    )
    if asked.text is None:
        runtime.metrics.fell_back("no_text")
        key, _ = runtime.note(question, asked.answers)
        return key
    advice, _ = await runtime.ask(question, asked.answers)
    return advice.key

"""An ASGI middleware that sets priorities."""

import os
from collections.abc import Awaitable, Callable

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.middleware.answer import Send
from scheduler_client.vllm_plugin.middleware.calls import Calls
from scheduler_client.vllm_plugin.middleware.request_body import Message, Receive, read_body
from scheduler_client.vllm_plugin.plugin import is_on

Scope = Message
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PRIORITY = b"x-vllm-priority"
"""The header that vLLM reads, in lower case as ASGI has all names."""

ENDS = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")
"""What an application says last of all."""

PATHS = ("/v1/completions", "/v1/chat/completions")
"""Where prompts come in."""


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
        self._calls = Calls(settings) if settings is not None and not is_on() else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a priority."""
        calls = self._calls
        if calls is not None and scope["type"] == "lifespan":

            async def send_last(message: Message) -> None:
                if message["type"] in ENDS:  # once that is said nobody waits any more
                    await calls.close()
                await send(message)

            await self._app(scope, receive, send_last)
        elif calls is None or not _is_prompt(scope):
            await self._app(scope, receive, send)
        else:
            body = await read_body(receive)
            call = await calls.place(body, scope["path"])
            if call.key is not None:
                scope = {**scope, "headers": [*scope["headers"], (PRIORITY, b"%d" % call.key)]}
            answer = calls.answer(send)
            receive = body.replayed(receive)
            del body  # the application takes it, message by message
            try:
                await self._app(scope, receive, answer.send)
            finally:
                calls.ended(call, answer)


def _is_prompt(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "POST"
        and scope["path"].endswith(PATHS)
        and all(name != PRIORITY for name, _ in scope["headers"])
    )

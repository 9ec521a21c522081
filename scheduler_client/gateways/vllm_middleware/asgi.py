"""An ASGI middleware that sets priorities."""

from collections.abc import Awaitable, Callable

from scheduler_client.gateways.api_request import MAX_BODY_BYTES
from scheduler_client.gateways.priorities import VLLM_HEADER
from scheduler_client.gateways.vllm_middleware.answer import Message, Send
from scheduler_client.gateways.vllm_middleware.calls import Calls

Scope = Message
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PRIORITY = VLLM_HEADER.lower().encode()
"""The header that vLLM reads, in lower case as ASGI has all names."""

ENDS = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")
"""What an application says last of all."""

PATHS = ("/v1/completions", "/v1/chat/completions")
"""Where prompts come in."""


class VllmMiddleware:
    """An ASGI middleware that sets a priority on requests that have none.

    Args:
        app: What is called next: the application of vLLM's API server.
        calls: What places requests and learns from their ends; None leaves all as they are.
    """

    def __init__(self, app: Application, calls: Calls | None) -> None:
        self._app = app
        self._calls = calls

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
            content, receive = await read_body(receive)
            call = await calls.place(content, scope["path"])
            del content  # it need not be kept until the answer has ended
            if call.placed is not None and not calls.shadow:
                priority = (PRIORITY, b"%d" % call.placed.key)
                scope = {**scope, "headers": [*scope["headers"], priority]}
            answer = calls.answer(send)
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


async def read_body(
    receive: Receive, limit_bytes: int = MAX_BODY_BYTES
) -> tuple[bytes | None, Receive]:
    """Read the body of a request, as far as the limit.

    Returns:
        The bodies of its messages joined, or None if that is too long or was broken off; and a
        `receive` that gives the application the same messages again, then what follows them.
    """
    messages: list[Message] = []
    content = bytearray()
    more = True
    while more and len(content) <= limit_bytes:
        messages.append(await receive())
        if messages[-1]["type"] != "http.request":  # the client left
            break
        content += messages[-1].get("body", b"")
        more = messages[-1].get("more_body", False)
    messages.reverse()

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return None if more else bytes(content), again

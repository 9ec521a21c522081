"""An application behind the middleware, and calls to both."""

import asyncio
import json

USAGE = {"prompt_tokens": 3, "completion_tokens": 7}
WHOLE = {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}], "usage": USAGE}


def event(reason=None, usage=None):
    """What vLLM sends of a stream, token by token."""
    choices = [] if usage else [{"index": 0, "text": "a", "finish_reason": reason}]
    return {"choices": choices, "usage": usage}


ARRIVAL_KEY = b"1000000000"
TYPICAL_KEY = b"1004000000"
"""Two hundred tokens at 20 ms later."""


class Served:
    """An application that notes what reached it, and answers in pieces."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.answer = json.dumps(WHOLE).encode(), b""
        self.kind = b"application/json"
        self.status = 200
        self.leaves_before = -1

    async def __call__(self, scope, receive, send) -> None:
        self.headers = dict(scope["headers"])
        more = True
        while more:
            message = await receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(b"Content-Type", self.kind)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for number, part in enumerate(self.answer):
            if number == self.leaves_before:
                raise asyncio.CancelledError
            more = number < len(self.answer) - 1
            await send({"type": "http.response.body", "body": part, "more_body": more})

    def stream(self, *events) -> None:
        self.kind = b"text/event-stream; charset=utf-8"
        parts = [f"data: {json.dumps(one, separators=(',', ':'))}\n\n".encode() for one in events]
        self.answer = (*parts, b"data: [DONE]\n\n", b"")


async def post(middleware, body, *, path="/v1/completions", headers=(), parts=1, method="POST"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = -(-len(content) // parts) or 1
    chunks = [content[i : i + size] for i in range(0, len(content), size)] or [b""]
    messages = [
        {"type": "http.request", "body": chunk, "more_body": n < len(chunks) - 1}
        for n, chunk in enumerate(chunks)
    ]
    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}

    async def receive():
        return messages.pop(0)

    sent = []

    async def send(message):
        sent.append(message)

    await middleware(scope, receive, send)
    assert [message.get("body") for message in sent[1:]] == list(middleware._app.answer)
    return content

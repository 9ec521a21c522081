"""A real HTTP server that answers as an engine does, and keeps what came.

What a request's text says decides how its answer ends: `LONG` at the limit, `ABORT` given up by the
engine, `FAIL` a 500; `SLOW` goes on, by a word each time that the test lets it, until its caller
leaves. All others have as many tokens as TOKENS says.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKENS = 11
PROMPT_TOKENS = 7

HANG_GUARD_S = 60.0
"""No test waits for it: it ends what a failed one left waiting."""


class Backend:
    """Every request that came: its path, headers in lower case, and body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.url = ""
        self.next_word = threading.Semaphore(0)
        self.caller_left = threading.Event()

    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.requests]

    def sent_with(self, text: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """The last request whose body holds a text."""
        found = [one for one in self.requests if text in json.dumps(one[2])]
        assert found, f"no request with {text!r}"
        return found[-1]

    def has_lost_its_caller(self) -> bool:
        """Whether the caller of a slow answer has left, which an engine sees when it sends on."""
        self.next_word.release()
        return self.caller_left.is_set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    backend: Backend

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        """Routers ask whether it is well, and what it serves."""
        self._reply({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.backend.requests.append((self.path, headers, body))
        said = json.dumps(body)
        if "FAIL" in said:
            self._reply({"error": {"message": "no", "type": "server_error"}}, 500)
        elif "/embeddings" in self.path:
            data = [{"object": "embedding", "index": 0, "embedding": [0.0, 1.0]}]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            self._reply({"object": "list", "model": "m", "data": data, "usage": usage})
        elif "/responses" in self.path:
            self._reply(response_object(said))
        elif "/messages" in self.path:
            self._reply(anthropic_message())
        elif body.get("stream"):
            self._stream(body, said)
        else:
            self._reply(completion(body, said, chat="chat" in self.path))

    def _reply(self, body: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, body: dict[str, Any], said: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        chat, choices = "chat" in self.path, range(body.get("n") or 1)
        try:
            for _ in range(TOKENS):
                for index in choices:
                    self._event(chunk(index, "word ", None, chat=chat))
            while "SLOW" in said and self.backend.next_word.acquire(timeout=HANG_GUARD_S):
                self._event(chunk(0, "word ", None, chat=chat))
            for index in choices:
                self._event(chunk(index, "", reason_of(said), chat=chat))
            if (body.get("stream_options") or {}).get("include_usage"):
                last = chunk(0, "", None, chat=chat)
                self._event({**last, "choices": [], "usage": usage_of(len(choices))})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:  # the proxy left
            self.backend.caller_left.set()

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.flush()


def reason_of(said: str) -> str:
    return "length" if "LONG" in said else "abort" if "ABORT" in said else "stop"


def usage_of(choices: int) -> dict[str, int]:
    tokens = TOKENS * choices
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": tokens,
        "total_tokens": PROMPT_TOKENS + tokens,
    }


def chunk(index: int, text: str, reason: str | None, *, chat: bool) -> dict[str, Any]:
    kind = "chat.completion.chunk" if chat else "text_completion"
    said = {"delta": {"role": "assistant", "content": text}} if chat else {"text": text}
    choice = {"index": index, "finish_reason": reason, **said}
    return {"id": "c1", "object": kind, "created": 1, "model": "m", "choices": [choice]}


def completion(body: dict[str, Any], said: str, *, chat: bool) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    for index in range(body.get("n") or 1):
        message: dict[str, Any] = {"role": "assistant", "content": "hello"}
        reason = reason_of(said)
        if body.get("tools"):
            call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            message, reason = {**message, "content": None, "tool_calls": [call]}, "tool_calls"
        answer = {"message": message} if chat else {"text": "hello"}
        choices.append({"index": index, "finish_reason": reason, **answer})
    kind = "chat.completion" if chat else "text_completion"
    usage = usage_of(len(choices))
    return {
        "id": "c1",
        "object": kind,
        "created": 1,
        "model": "m",
        "choices": choices,
        "usage": usage,
    }


def response_object(said: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": "hello", "annotations": []}
    message = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [text],
    }
    long = "LONG" in said
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "incomplete" if long else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if long else None,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": PROMPT_TOKENS,
            "output_tokens": TOKENS,
            "total_tokens": PROMPT_TOKENS + TOKENS,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def anthropic_message() -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": TOKENS},
    }


@contextmanager
def serving_backend() -> Iterator[Backend]:
    """Serve until the block ends."""
    backend = Backend()
    handler = type("BackendHandler", (Handler,), {"backend": backend})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    backend.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield backend
    finally:
        server.shutdown()
        server.server_close()

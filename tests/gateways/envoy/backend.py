"""What stands behind Envoy in place of vLLM: an HTTP server that notes what comes, and answers.

The request's header x-answer names the answer.
"""

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request as it reached the backend; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def priority(self) -> int | None:
        value = self.headers.get("x-vllm-priority")
        return None if value is None else int(value)


@dataclass(frozen=True)
class Answer:
    """A response; its parts are sent one by one."""

    parts: tuple[bytes, ...]
    content_type: str = "application/json"
    status: int = 200
    encoding: str = ""
    is_gated: bool = False
    """Each part but the first waits until the test lets it go."""


def whole(fields: dict[str, Any], **options: Any) -> Answer:
    return Answer((json.dumps(fields).encode(),), **options)


def events(*objects: dict[str, Any], done: bool = True, **options: Any) -> Answer:
    """A stream; an event of OpenAI's newer API and of Anthropic's has its type on a line, too."""
    parts = [event(fields) for fields in objects]
    parts += [b"data: [DONE]\n\n"] if done else []
    return Answer(tuple(parts), "text/event-stream; charset=utf-8", **options)


def event(fields: dict[str, Any]) -> bytes:
    named = f"event: {fields['type']}\n" if "type" in fields else ""
    return f"{named}data: {json.dumps(fields)}\n\n".encode()


def chat_choice(reason: str | None = "stop", index: int = 0) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hello"}
    return {"index": index, "message": message, "finish_reason": reason}


def chunk(reason: str | None = None, tokens: int | None = None, index: int = 0) -> dict[str, Any]:
    """A piece of a streamed chat; the one with the usage has no choice."""
    delta = {"index": index, "delta": {"content": "hello"}, "finish_reason": reason}
    usage = None if tokens is None else {"prompt_tokens": 3, "completion_tokens": tokens}
    return {"object": "chat.completion.chunk", "choices": [] if usage else [delta], "usage": usage}


def response(status: str, tokens: int | None, reason: str | None = None) -> dict[str, Any]:
    """Of OpenAI's Responses API."""
    return {
        "object": "response",
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "usage": None if tokens is None else {"input_tokens": 3, "output_tokens": tokens},
    }


USAGE = {"prompt_tokens": 3, "completion_tokens": 7}
CHAT = {"object": "chat.completion", "choices": [chat_choice()], "usage": USAGE}
LONG_STREAM = 5
"""Parts of the stream that the test lets go one by one."""

ANSWERS = {
    "": whole(CHAT),
    "length": whole({**CHAT, "choices": [chat_choice("length")]}),
    "tools": whole({**CHAT, "choices": [chat_choice("tool_calls")]}),
    "two": whole({**CHAT, "choices": [chat_choice(), chat_choice(index=1)]}),
    "text": whole(
        {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}], "usage": USAGE}
    ),
    "stream": events(chunk(), chunk("stop"), chunk(tokens=7)),
    "response": whole(response("completed", 7)),
    "incomplete": whole(response("incomplete", 7, "max_output_tokens")),
    "response-stream": events(
        {"type": "response.created", "response": response("in_progress", None)},
        {"type": "response.output_text.delta", "delta": "hello"},
        {"type": "response.completed", "response": response("completed", 7)},
        done=False,
    ),
    "message": whole(
        {
            "type": "message",
            "content": [{"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 7},
        }
    ),
    "message-stream": events(
        {
            "type": "message_start",
            "message": {"stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}},
        },
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hello"}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens"},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
        done=False,
    ),
    "no-usage": events(chunk(), chunk("stop")),
    "aborted": whole({**CHAT, "choices": [chat_choice("abort")]}),
    "filtered": whole({**CHAT, "choices": [chat_choice("content_filter")]}),
    "cut": events(chunk(), done=False),
    "error": whole({"error": {"message": "no"}}, status=500),
    "no-json": Answer((b"<p>hello</p>",)),
    "gzip": Answer((gzip.compress(json.dumps(CHAT).encode()),), encoding="gzip"),
    "gated": events(*[chunk()] * (LONG_STREAM - 2), chunk("stop"), chunk(tokens=7), is_gated=True),
    "held": whole(CHAT, is_gated=True),
}


def content_of(name: str) -> bytes:
    """The whole body of an answer."""
    return b"".join(ANSWERS[name].parts)


@dataclass
class Backend:
    """A running server."""

    received: list[Received] = field(default_factory=list)
    next_part: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    port: int = 0

    def start(self) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            pass

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            backend.received.append(Received(self.path, headers, self._body()))
            answer = ANSWERS[headers.get("x-answer", "")]
            if answer.is_gated and len(answer.parts) == 1:
                backend.next_part.acquire(timeout=30)
            try:
                self._send(answer)
            except OSError:  # the client left
                self.close_connection = True

        do_GET = do_POST  # noqa: N815  the server's name

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("transfer-encoding", ""):
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("transfer-encoding", "chunked")
            if answer.encoding:
                self.send_header("content-encoding", answer.encoding)
            self.end_headers()
            for number, part in enumerate(answer.parts):
                if number and answer.is_gated:
                    backend.next_part.acquire(timeout=30)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    return Handler

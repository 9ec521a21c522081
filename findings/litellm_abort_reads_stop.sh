#!/usr/bin/env bash
# LiteLLM's proxy tells a caller that an answer which the engine gave up was ended by the LLM.
#
# An engine that aborts a request says so: its finish reason is "abort". LiteLLM knows no such
# reason and answers "stop", in chats and in completions alike; the same request streamed is an
# error of status 500. In chats the engine's own word is left in provider_specific_fields, in
# completions nowhere. Whoever learns lengths from finish reasons takes cut answers for whole ones.
#
# Needs Python 3.11, curl and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/litellm.sh"

cat > backend.py <<'PY'
"""A server that gives every request up after three tokens, and writes its port down."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Backend(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        chat = "chat" in self.path
        answer = {"message": {"role": "assistant", "content": "one two three"}} if chat else {"text": "one two three"}
        kind = "chat.completion" if chat else "text_completion"
        if body.get("stream"):
            answer, kind = {"delta": answer["message"]}, "chat.completion.chunk"
        usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
        choice = {"index": 0, "finish_reason": "abort", **answer}
        whole = {"id": "c", "object": kind, "created": 1, "model": "m", "choices": [choice], "usage": usage}
        out = json.dumps(whole).encode()
        if body.get("stream"):
            out = b"data: " + out + b"\n\ndata: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if body.get("stream") else "application/json")
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
Path("backend.port").write_text(str(server.server_port))
server.serve_forever()
PY

start_proxy '{num_retries: 0}'
ask /v1/chat/completions '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}' > direct.json
ask /v1/completions '{"model": "m", "prompt": "hi"}' > text.json
ask /v1/chat/completions '{"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]}' > stream.txt

env/bin/python - <<'PY'
import json
from importlib.metadata import version

chat = json.load(open("direct.json"))["choices"][0]
text = json.load(open("text.json"))["choices"][0]
found = {
    "chat": chat["finish_reason"],
    "its own word in a chat": chat.get("provider_specific_fields", {}).get("native_finish_reason"),
    "completion": text["finish_reason"],
    "its own word in a completion": (text.get("provider_specific_fields") or {}).get("native_finish_reason"),
    "streamed chat is an error": "finish_reason=abort" in open("stream.txt").read(),
}
print("litellm", version("litellm"))
print('an answer with finish_reason "abort" is handed on as:', json.dumps(found))
expected = {
    "chat": "stop",
    "its own word in a chat": "abort",
    "completion": "stop",
    "its own word in a completion": None,
    "streamed chat is an error": True,
}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY

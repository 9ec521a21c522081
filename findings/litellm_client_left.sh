#!/usr/bin/env bash
# LiteLLM's proxy logs a client that leaves in the middle of a stream as success.
#
# status is "success", the success callback is called, and the answer's finish reason is "stop",
# though the backend was still generating. Only the error code (499) tells. Whoever learns lengths
# from such a log by its status takes cut answers for whole ones.
#
# Needs Python 3.11, curl and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/litellm.sh"

cat > backend.py <<'PY'
"""A chat server that streams a word every 20 ms, 500 of them, and writes its port down."""
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Backend(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        delta = {"role": "assistant", "content": "word "}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": None}]
        for _ in range(500):
            try:
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)


server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
Path("backend.port").write_text(str(server.server_port))
server.serve_forever()
PY

cat > logger.py <<'PY'
"""Writes each standard logging payload to a file, with the callback that it came by."""
import json

from litellm.integrations.custom_logger import CustomLogger


class Log(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.write("success", kwargs)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.write("failure", kwargs)

    def write(self, callback, kwargs):
        payload = {"callback": callback, **kwargs["standard_logging_object"]}
        with open("log.jsonl", "a") as file:
            file.write(json.dumps(payload, default=str) + "\n")


log = Log()
PY

start_proxy '{callbacks: [logger.log]}'
# The client hears for one second of ten, and leaves.
ask /v1/chat/completions '{"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]}' \
  -N -m 1 > heard.txt || true
for _ in $(seq 20); do [ -s log.jsonl ] && break; sleep 1; done

env/bin/python - <<'PY'
import json
from importlib.metadata import version

row = json.loads(open("log.jsonl").readline())
found = {
    "callback": row["callback"],
    "status": row["status"],
    "finish_reason": row["response"]["choices"][0]["finish_reason"],
    "error_code": row["error_information"]["error_code"],
}
print("litellm", version("litellm"))
print("a client that left after 1 s of a stream of 10 s is logged as:", json.dumps(found))
expected = {"callback": "success", "status": "success", "finish_reason": "stop", "error_code": "499"}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY

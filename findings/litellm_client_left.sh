#!/usr/bin/env bash
# LiteLLM's proxy logs a client that leaves in the middle of a stream as success.
#
# status is "success", the success callback is called, and the answer's finish reason is "stop",
# though the backend was still generating. Only the error code (499) tells. Whoever learns lengths
# from such a log by its status takes cut answers for whole ones.
#
# Needs Python 3.11, curl and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
backend="" proxy=""
trap 'kill $backend $proxy 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check litellm==1.110.2 \
  apscheduler==3.11.3 backoff==2.2.1 boto3==1.44.8 cryptography==50.0.2 email-validator==2.4.0 \
  Expression==5.8.0 fastapi==0.165.0 fastapi-sso==0.23.0 h2==4.4.1 mcp==2.3.0 orjson==3.13.0 \
  PyJWT==2.15.1 python-multipart==0.0.34 redis==8.1.0 semver==3.1.2 soundfile==0.14.0 \
  uvicorn==0.54.0 uvloop==0.23.0 websockets==17.4

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

env/bin/python backend.py & backend=$!
until [ -s backend.port ]; do sleep 0.2; done
port=$(env/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PROXY_KEY="sk-$(env/bin/python -c 'import secrets; print(secrets.token_hex(16))')"
export LITELLM_LOCAL_MODEL_COST_MAP=True NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
cat > config.yaml <<YAML
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_base: "http://127.0.0.1:$(cat backend.port)/v1", api_key: none}
litellm_settings: {callbacks: [logger.log]}
general_settings: {master_key: os.environ/PROXY_KEY}
YAML
env/bin/litellm --config config.yaml --host 127.0.0.1 --port "$port" > proxy.log 2>&1 & proxy=$!
ready=""
for _ in $(seq 90); do
  curl -s -m 2 "http://127.0.0.1:$port/health/liveliness" > /dev/null && ready=yes && break
  sleep 1
done
[ -n "$ready" ] || { tail -5 proxy.log; echo "the proxy did not start"; exit 1; }

# The client hears for one second of ten, and leaves.
curl -s -N -m 1 "http://127.0.0.1:$port/v1/chat/completions" \
  -H "authorization: Bearer $PROXY_KEY" -H "content-type: application/json" \
  -d '{"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]}' \
  > heard.txt || true
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

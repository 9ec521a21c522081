"""Tests with real servers run where those are: `make test-gateways`; the others anywhere."""

from importlib.util import find_spec

NEEDS = {
    "test_dynamo.py": ("dynamo", "httpx"),
    "test_routers.py": ("vllm_router", "sglang_router", "httpx"),
}

collect_ignore = [file for file, modules in NEEDS.items() if not all(map(find_spec, modules))]

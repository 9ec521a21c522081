"""Tests with the real proxy run where LiteLLM is: `make test-gateways`; the others anywhere."""

from importlib.util import find_spec

if not find_spec("litellm"):
    collect_ignore = ["test_callback.py", "test_proxy.py"]

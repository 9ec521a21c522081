"""Collected where vLLM is, as the folder above."""

from importlib.util import find_spec

if not find_spec("vllm"):
    collect_ignore_glob = ["test_*.py"]

"""Tests of what runs inside vLLM, in the environment that holds it: `make test-vllm`."""

import os
from importlib.util import find_spec

import pytest

# Before torch is imported: threads that wait for each other on a shared CPU take seconds per token.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# vLLM binds an engine to the first core that is free to it: tests side by side would all be there.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    cores = sorted(os.sched_getaffinity(0))
    core = cores[int(worker.removeprefix("gw")) % len(cores)]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", str(core))

STARTED_ONCE = ("engine", "llm_engine")
"""Fixtures that take half a minute: the tests that share one run in one process."""

if find_spec("vllm"):
    from tests.vllm.engines import engine, folder, llm, llm_engine, model, predictor

    __all__ = ["engine", "folder", "llm", "llm_engine", "model", "predictor"]
else:
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests by the engine that they share, and others by their file."""
    for item in items:
        names: list[str] = getattr(item, "fixturenames", [])
        shared = next((name for name in STARTED_ONCE if name in names), str(item.path))
        item.add_marker(pytest.mark.xdist_group(shared))

"""Tests of what runs inside vLLM, in the environment that holds it: `make test-vllm`."""

import os
from importlib.util import find_spec

import pytest

# Before torch is imported: threads that wait for each other on a shared CPU take seconds per token.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if find_spec("vllm"):
    from tests.vllm.engines import engine, folder, model, predictor

    __all__ = ["engine", "folder", "model", "predictor"]
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def runtime():
    """A runtime whose advisor answers at once, from memory."""
    from scheduler_client.advisor import AdvisorSettings
    from scheduler_client.vllm_plugin.runtime import Runtime
    from tests.vllm.fakes import CountedMetrics, ReadyAdvisor

    made = Runtime(AdvisorSettings(target="127.0.0.1:1"), clock=lambda: 1000.0)
    made.advisor = ReadyAdvisor()
    made.metrics = CountedMetrics()
    return made

"""Collected where vLLM is, as the folder above; what an engine answers that swaps nothing."""

from importlib.util import find_spec

import pytest

if find_spec("vllm"):
    from tests.vllm.swap.small_engine import REQUESTS, small_engine
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def recomputed(model):
    """The answers to `REQUESTS` of an engine that computes again whom it preempted."""
    with small_engine(model, None) as engine, engine.counted() as counts:
        answers = engine.answers(REQUESTS)
    assert counts["preemptions"] > 10
    return answers

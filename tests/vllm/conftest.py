"""Tests of what runs inside vLLM, in the environment that holds it: `make test-vllm`."""

import os
from importlib.util import find_spec

# Before torch is imported: threads that wait for each other on a shared CPU take seconds per token.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if find_spec("vllm"):
    from tests.vllm.engines import engine, folder, llm, llm_engine, model, predictor

    __all__ = ["engine", "folder", "llm", "llm_engine", "model", "predictor"]
else:
    collect_ignore_glob = ["test_*.py"]

"""Tests of what runs inside vLLM, in the environment that holds it: `make test-vllm`."""

import os
from importlib.util import find_spec

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Before torch is imported: threads that wait for each other on a shared CPU take seconds per token.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# vLLM binds an engine to the first core that is free to it: tests side by side would all be there.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    cores = sorted(os.sched_getaffinity(0))
    core = cores[int(worker.removeprefix("gw")) % len(cores)]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", str(core))

MAX_PROCESSES = 2
"""More would share fewer engines, and each takes a core and half a minute to start."""

PROCESS_BYTES = 8 << 30
"""Of the machine's memory: a process of tests and the engines that it starts take most of it."""

SHARE_AN_ENGINE = ("test_failures.py", "test_serving.py")
"""Files of tests of one engine, which takes half a minute to start: they run in one process."""

START_THEIR_OWN = ("test_other_starts.py",)
"""Files of tests that share nothing: whichever process has nothing to do takes the next of them."""

if find_spec("vllm"):
    from tests.vllm.engines import engine, folder, llm, llm_engine, model, predictor

    __all__ = ["engine", "folder", "llm", "llm_engine", "model", "predictor"]
else:
    collect_ignore_glob = ["test_*.py"]


class ByEngine(LoadFileScheduling):
    """Deals tests out to processes file by file, but for those above."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.endswith(START_THEIR_OWN):
            return nodeid
        return "an engine" if file.endswith(SHARE_AN_ENGINE) else file


def pytest_xdist_auto_num_workers() -> int:
    room = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // PROCESS_BYTES
    cores = len(os.sched_getaffinity(0))
    processes = min(MAX_PROCESSES, cores, room)
    return processes if processes > 1 else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByEngine:
    return ByEngine(config, log)

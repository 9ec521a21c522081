"""A vLLM worker whose steps keep a pace: `--worker-cls testbed.in_engine.paced_worker.PacedWorker`.

A tiny model's step takes some milliseconds of Python on whatever CPU is left, so that its length
follows the machine's other work. A real model's step is long and steady. With a pace above the
noise, time is counted in steps, as on an accelerator. Every policy runs with the same worker.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import os
import time
from typing import Any

from vllm.v1.worker.cpu_worker import CPUWorker

from testbed.engine_options import STEP_VARIABLE


class PacedWorker(CPUWorker):
    """Starts a step no sooner than TESTBED_STEP_S after the start of the one before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what CPUWorker takes."""
        super().__init__(*args, **kwargs)
        self._step_s = float(os.environ.get(STEP_VARIABLE, "0"))
        self._next_start_s = 0.0

    def execute_model(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for the pace, then run the step."""
        ahead_s = self._next_start_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)
        self._next_start_s = time.monotonic() + self._step_s
        return super().execute_model(*args, **kwargs)

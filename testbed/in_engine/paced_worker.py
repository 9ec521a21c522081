"""A vLLM worker whose steps keep a pace: `--worker-cls testbed.in_engine.paced_worker.PacedWorker`.

A tiny model's step takes some milliseconds of Python on whatever CPU is left, so that its length
follows the machine's other work. A real model's step is long and steady. With a pace above the
noise, time is counted in steps, as on an accelerator. Every policy runs with the same worker. A
step may take more for each sequence in it, as an accelerator's does.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import os
import time
from typing import Any

from vllm.v1.worker.cpu_worker import CPUWorker

from testbed.engine_options import SEQUENCE_VARIABLE, STEP_VARIABLE


class PacedWorker(CPUWorker):
    """Starts a step no sooner than its pace allows after the start of the one before.

    TESTBED_STEP_S, and TESTBED_SEQUENCE_S more for each sequence that was in that one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what CPUWorker takes."""
        super().__init__(*args, **kwargs)
        self._step_s = float(os.environ.get(STEP_VARIABLE, "0"))
        self._sequence_s = float(os.environ.get(SEQUENCE_VARIABLE, "0"))
        self._next_start_s = 0.0

    def execute_model(self, scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
        """Wait for the pace, then run the step."""
        ahead_s = self._next_start_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)
        step_s = self._step_s + self._sequence_s * len(scheduler_output.num_scheduled_tokens)
        self._next_start_s = time.monotonic() + step_s
        return super().execute_model(scheduler_output, *args, **kwargs)

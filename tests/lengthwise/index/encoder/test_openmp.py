"""Threads that have nothing to do leave the cores alone: told once per process, so in one each."""

import json
import os
import subprocess
import sys

PROGRAM = """
import json
from lengthwise.index.encoder.openmp import bound_spinning
bound_spinning()
import os
import numpy as np
from threadpoolctl import threadpool_info
a = np.ones((64, 512), np.float32)
a @ a.T
threads = [i["num_threads"] for i in threadpool_info() if i["prefix"] == "libscipy_openblas"]
print(json.dumps({"threads": threads, "spins": os.environ.get("GOMP_SPINCOUNT")}))
"""


def told(**environment):
    kept = {name: value for name, value in os.environ.items() if "OMP" not in name}
    kept.pop("OPENBLAS_NUM_THREADS", None)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=kept | environment, capture_output=True, check=True)
    return json.loads(done.stdout)


def test_numpy_multiplies_on_the_thread_that_asks_and_openmp_spins_for_a_moment():
    found = told()
    assert found["threads"]
    assert set(found["threads"]) == {1}
    assert found["spins"] == "20000"


def test_what_the_environment_says_stays():
    found = told(OPENBLAS_NUM_THREADS="2", OMP_WAIT_POLICY="passive")
    # It never takes more than the cores that the process may run on.
    assert set(found["threads"]) == {min(2, len(os.sched_getaffinity(0)))}
    assert found["spins"] is None

"""Processes of a benchmark: what they cost together, and one that runs to its end."""

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile

from testbed.process_tree import descendants, own_cpu_seconds


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of what lives below it, user and system, all threads."""
    return sum(own_cpu_seconds(member) for member in [pid, *descendants(pid)])


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ran to its end.

    Args:
        wall_s: Time from the start to the exit.
        peak_mib: The most memory it ever held (resident).
    """

    wall_s: float
    peak_mib: float


def run_measured(command: Sequence[str]) -> Finished:
    """Run a command to its end.

    Raises:
        RuntimeError: It failed.
    """
    with TemporaryFile() as errors:
        started_s = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{command[:4]} ended with {process.returncode}: {said}")
    return Finished(wall_s, usage.ru_maxrss / 1024)


def own_peak_mib() -> float:
    """The most memory that this process ever held (resident)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

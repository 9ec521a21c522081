"""Processes of a benchmark: their CPU time, and their memory at the most."""

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its living children, user and system, all threads."""
    return sum(_own_cpu_seconds(member) for member in [pid, *_descendants(pid)])


def resident_mib(pid: int, *, peak: bool = False) -> float:
    """Memory that a process holds (resident), or the most that it ever held."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1_024 for line in lines if line.startswith(name))


def _own_cpu_seconds(pid: int) -> float:
    # The name in parentheses may hold spaces; fields 14 and 15 are user and system ticks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


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

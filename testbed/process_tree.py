"""A command with all its processes: what they cost together, and one of them killed on the way."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
"""What /proc counts CPU time in."""

LOOK_EVERY_S = 0.2
"""Between two looks at the processes: what one does after the last look is not counted."""

PR_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): orphans below this process become its children, so that none gets lost."""

GONE = (FileNotFoundError, ProcessLookupError)
"""What reading /proc raises for a process that has ended."""


class ProcessTreeError(RuntimeError):
    """A command that failed, or that had no process to kill."""


@dataclass(frozen=True, slots=True)
class TreeCost:
    """What a command cost, with all its processes.

    Args:
        wall_s: From start to exit.
        cpu_s: User and system time of all processes, those that they started included.
        peak_mib: The most memory that they held together (resident; what they share counts often).
        processes: How many there were.
        killed_pid: Of the process that was killed; 0 if none was to be.
        output: What the command wrote to its output stream.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    processes: int
    killed_pid: int
    output: str


def run_tree(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    victim: Callable[[int, str], bool] | None = None,
    errors: IO[bytes] | None = None,
) -> TreeCost:
    """Run a command to its end, looking at its processes all the while.

    Args:
        command: The command line.
        environment: All variables that it has.
        victim: Picks a process by its id and name, which is killed, once; None kills none.
        errors: Where its error stream goes; None leaves it on the terminal.

    Raises:
        ProcessTreeError: It failed, or nothing was found to kill.
    """
    started_s = time.monotonic()
    cpu_s: dict[int, float] = {}
    peak_mib, killed = 0.0, 0
    with (
        _subreaper(),
        subprocess.Popen(
            command, env=dict(environment), stdout=subprocess.PIPE, stderr=errors
        ) as p,
    ):
        while p.poll() is None:
            together_mib = 0.0
            for pid in descendants(os.getpid()):
                with suppress(*GONE):
                    cpu_s[pid] = own_cpu_seconds(pid)
                    together_mib += resident_mib(pid)
                    if victim is not None and not killed and victim(pid, _title(pid)):
                        os.kill(pid, signal.SIGKILL)
                        killed = pid
            peak_mib = max(peak_mib, together_mib)
            time.sleep(LOOK_EVERY_S)
        output = p.stdout.read().decode() if p.stdout else ""
    if p.returncode:
        raise ProcessTreeError(f"{' '.join(command[:4])} ended with {p.returncode}: see above")
    if victim is not None and not killed:
        raise ProcessTreeError(f"{' '.join(command[:4])} had no process to kill")
    return TreeCost(
        wall_s=time.monotonic() - started_s,
        cpu_s=sum(cpu_s.values()),
        peak_mib=peak_mib,
        processes=len(cpu_s),
        killed_pid=killed,
        output=output,
    )


@contextmanager
def _subreaper() -> Generator[None]:
    """Keep daemons that a command starts below this process, where they are found and reaped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def own_cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, user and system, all threads.

    Raises:
        OSError: It has ended.
    """
    # The name in parentheses may hold spaces; of proc(5) the fields 14 and 15 are wanted.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def resident_mib(pid: int, *, peak: bool = False) -> float:
    """Memory that a process holds (resident), or the most that it ever held; 0 of a zombie.

    Raises:
        OSError: It has ended.
    """
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1_024 for line in lines if line.startswith(name)), 0.0)


def descendants(pid: int) -> list[int]:
    """The living processes below a process, however deep; none if it has ended."""
    found: list[int] = []
    with suppress(*GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def _title(pid: int) -> str:
    """The first word of its command line; of a zombie, which has none, the program's name."""
    first = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    return first.decode(errors="replace") or Path(f"/proc/{pid}/comm").read_text().strip()

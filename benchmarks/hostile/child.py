"""The attacker, a process of its own: jobs come as lines of JSON, their counts go back.

It works at the lowest priority, since hostile callers do not sit on the service's own cores.
"""

import asyncio
import json
import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from benchmarks.hostile.attacks import ATTACKS, FUZZED, AttackCounts, found_by_fuzzing
from benchmarks.hostile.fuzz import found_bodies
from benchmarks.hostile.http2 import Address

LOWEST_PRIORITY = 19
"""The kindest that `nice` knows: the attacker would not sit on the service's cores."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attack.

    Args:
        attack: Name of one of the attacks.
        count: Messages to send, at least 1.
        seed: Decides what the messages hold.
        port: Where the service listens, on this machine.
        token: Shown to it; empty for none.
    """

    attack: str
    count: int
    seed: int
    port: int
    token: str = ""


class Attacker:
    """The process; a context manager.

    Args:
        found: Folder of what fuzzing found; None for none.
    """

    def __init__(self, found: Path | None = None) -> None:
        self._arguments = [] if found is None else [str(found)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.hostile.child", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._results: SimpleQueue[AttackCounts | None] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()

    def start(self, job: Job) -> None:
        """Begin an attack."""
        assert self._process.stdin is not None  # noqa: S101  asked for above
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()

    @property
    def is_done(self) -> bool:
        """True once the attack that was begun has ended."""
        return not self._results.empty()

    def result(self) -> AttackCounts:
        """Its counts, waited for.

        Raises:
            RuntimeError: The attacker itself failed.
        """
        counts = self._results.get()
        if counts is None:
            raise RuntimeError(f"the attacker ended with exit code {self._process.wait()}")
        return counts

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  asked for above
        for line in self._process.stdout:
            self._results.put(AttackCounts(**json.loads(line)))
        self._results.put(None)


def main() -> None:
    """Do the jobs that come on standard input."""
    os.nice(LOWEST_PRIORITY)
    # asyncio warns of every write to a connection that the service has closed, as it should.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    attacks = dict(ATTACKS)
    if sys.argv[1:]:
        attacks[FUZZED] = found_by_fuzzing(found_bodies(Path(sys.argv[1])))
    for line in sys.stdin:
        job = Job(**json.loads(line))
        attack = attacks[job.attack](
            Address(job.port, job.token), random.Random(job.seed), job.count
        )
        print(json.dumps(asdict(asyncio.run(_awaited(attack)))), flush=True)


async def _awaited(attack: Awaitable[AttackCounts]) -> AttackCounts:
    return await attack


if __name__ == "__main__":
    main()

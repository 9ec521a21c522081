"""What keeps processes that change one folder apart, and what a killed one leaves from piling up.

Locks are flock(2)'s: each falls with the process that holds it, however that ends and whichever
container it runs in. Process numbers would not tell.
"""

import fcntl
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lengthwise.index.errors import StoreBusyError

LOCK_TIMEOUT_S = 30.0
"""A holder renames and syncs, which takes milliseconds: whoever waits longer waits for a hang."""

RETRY_S = 0.05
"""Pause between two tries for a lock: flock(2) itself waits without a limit or not at all."""


@contextmanager
def locked(root: Path) -> Generator[None]:
    """Hold a folder's lock, which there is one of.

    Raises:
        StoreBusyError: Another process held it for too long.
    """
    with (root / ".lock").open("w") as file:
        deadline_s = time.monotonic() + LOCK_TIMEOUT_S
        while not try_lock(file.fileno()):
            if time.monotonic() > deadline_s:
                raise StoreBusyError(
                    f"another process has held {root / '.lock'} for {LOCK_TIMEOUT_S:.0f} s"
                    ": wait for it to end and try again"
                )
            time.sleep(RETRY_S)
        yield


@contextmanager
def building_folder(root: Path) -> Generator[Path]:
    """A new folder in another, for this builder alone; removed if it is still there at the end.

    What killed builders left behind is removed first: their locks are free.
    """
    building = root / f".building-{secrets.token_hex(4)}"
    lock = building.with_suffix(".lock")
    with locked(root):
        _remove_abandoned(root)
        file = lock.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        building.mkdir()
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)
        lock.unlink(missing_ok=True)
        file.close()


def _remove_abandoned(root: Path) -> None:
    for lock in root.glob(".building-*.lock"):
        with lock.open("w") as file:
            if try_lock(file.fileno()):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder, for as long as it stays open, unless another process has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

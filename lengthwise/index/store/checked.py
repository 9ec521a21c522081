"""Remembers beside an artifact that its files were held against the manifest, and which files.

To read a gigabyte for its hash at each start takes longer than the rest of loading. A file that is
the same in size, times and number is the one that was read: whatever writes to a file changes its
time of change (ctime), which nobody can set.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

CHECKED_FILE = ".checked.json"
"""Beside the manifest; where it cannot be written, every start reads the files."""

SETTLED_S = 2.0
"""A file changed less than this ago may change again within one tick of the file system's clock,
which is two seconds at the coarsest: it is not remembered yet."""

States = dict[str, list[int]]


def states_of(folder: Path, names: Sequence[str]) -> States:
    """What tells each file from what it was: size, times of writing and of change, number.

    Raises:
        OSError: One is not there.
    """
    found: States = {}
    for name in names:
        file = (folder / name).stat()
        found[name] = [file.st_size, file.st_mtime_ns, file.st_ctime_ns, file.st_ino]
    return found


def was_checked(folder: Path, states: States) -> bool:
    """Whether files in this very state were found good before."""
    try:
        return json.loads((folder / CHECKED_FILE).read_bytes()) == states
    except (OSError, ValueError):
        return False


def remember_checked(folder: Path, states: States) -> None:
    """Note that files were found good that had this state before they were read."""
    newest_s = max((state[2] for state in states.values()), default=0) / 1e9
    if not 0 <= newest_s <= time.time() - SETTLED_S:
        return
    aside = folder / f"{CHECKED_FILE}-{os.getpid()}"
    with suppress(OSError):
        aside.write_text(json.dumps(states), "utf-8")
        aside.replace(folder / CHECKED_FILE)

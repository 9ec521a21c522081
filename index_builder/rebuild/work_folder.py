"""The folder that a round works in, and what killed rounds left of theirs.

Who is killed, for want of memory as a rule, removes nothing, and an hourly job would fill the disk
with what is left. So a folder is locked as long as its process lives (flock(2), which falls with
it), and whoever makes the next one removes those that are not.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from lengthwise.index.store.locking import try_lock

PREFIX = "lengthwise-work-"
"""Of folders that are locked while they are in use: none has this name before it is. The folders of
earlier releases never were, and had other names."""


@contextmanager
def work_folder() -> Generator[Path]:
    """A new folder among the temporary files (TMPDIR), removed at the end.

    What killed processes left there is removed first.

    Raises:
        OSError: There is no room.
    """
    _remove_abandoned(Path(gettempdir()))
    folder = Path(mkdtemp(prefix=f".{PREFIX}"))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Where the file system has no such locks it keeps the name by which none is removed.
        with suppress(OSError):
            try_lock(descriptor)
            folder = folder.rename(folder.with_name(folder.name.removeprefix(".")))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # Others' folders cannot be opened, and some go while they are looked at.
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if try_lock(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)

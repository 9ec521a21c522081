"""Files and names that survive a crash of the machine."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def sync_folder(root: Path) -> None:
    """Flush every file and folder in a folder, and itself, to the disk."""
    for path in [*root.rglob("*"), root]:
        sync_path(path)


def sync_path(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_aside(path: Path, text: str) -> Generator[Path]:
    """A file with some text, on the disk and ready to be put in another's place in one step.

    It is removed at the end, unless it was moved away.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)

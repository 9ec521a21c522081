"""Folders that take a while to make, and are made once."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp


def made_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder, made unless it is there.

    Several processes may ask at once: each writes aside, and one rename wins.

    Args:
        folder: Where it lies; what is missing above it is made.
        write: Fills an empty folder.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(aside)
        aside.chmod(0o755)
        aside.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder

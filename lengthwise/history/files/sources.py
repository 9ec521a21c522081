"""Which files a history is made of: files, folders and globs as the user names them."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lengthwise.history.files.errors import HistoryReadError
from lengthwise.history.files.formats import KNOWN_SUFFIXES, suffix_of


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Files of a history.

    Args:
        files: In the order of reading, none twice.
        ignored: Files in the folders that no format claims.
    """

    files: tuple[Path, ...]
    ignored: tuple[Path, ...] = ()


def find_files(sources: Sequence[str | Path] | str | Path) -> FoundFiles:
    """Find the files: each source is a file, a folder (with all below it, sorted) or a glob.

    Raises:
        HistoryReadError: If a source leads to no file.
    """
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    found: dict[Path, Path] = {}  # by the real path: no row is read twice
    ignored: list[Path] = []
    for source in sources:
        for path in _expand(source):
            if path.is_dir():
                files, others = _walk(path)
                ignored += others
            else:
                files = [path]
            found |= {file.resolve(): file for file in files if file.resolve() not in found}
    if not sources:
        raise HistoryReadError(None, None, "no history named: expected a file, a folder or a glob")
    return FoundFiles(tuple(found.values()), tuple(ignored))


def _expand(source: str | Path) -> list[Path]:
    """Resolve a glob; a path that exists is never taken for one."""
    path = Path(source)
    if path.exists():
        return [path]
    if not glob.has_magic(str(source)):
        raise HistoryReadError(path, None, "no such file or folder")
    matches = sorted(Path(match) for match in glob.glob(str(source), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    files = [match for match in matches if match.is_file()]
    if not matches:
        raise HistoryReadError(path, None, "no file matches this pattern")
    # "logs/**" matches folders and the files in them: the files alone say it all.
    return files or matches


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the files below a folder: those of a known format, and the others."""
    everything = sorted(path for path in folder.rglob("*") if path.is_file())
    known = [path for path in everything if suffix_of(path) and not _is_hidden(path, folder)]
    if not known:
        raise HistoryReadError(
            folder,
            None,
            f"no history in this folder: expected names that end in {', '.join(KNOWN_SUFFIXES)}; "
            f"{len(everything)} other files are there",
        )
    claimed = set(known)
    return known, [path for path in everything if path not in claimed]


def _is_hidden(path: Path, folder: Path) -> bool:
    """Tell if a file is hidden: editors' and notebooks' copies would be read as rows twice."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)

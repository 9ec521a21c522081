"""The files of the repository: those that git tracks, or what lies there where there is no git."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

PRODUCT = (
    "autoscaler",
    "index_builder",
    "lengthwise",
    "predictor_service",
    "scheduler_client",
    "serving_sim",
)
"""Packages that users run; the rest measures, shows or tests them."""

GENERATED = (
    "lengthwise/v1",
    "autoscaler/v1",
    "autoscaler/edges/externalscaler",
    "scheduler_client/gateways/envoy/ext_proc",
)
"""Folders whose files protoc writes: their size and number are not ours."""


@dataclass(frozen=True, slots=True)
class PythonFile:
    """A Python file.

    Args:
        path: From the repository's root, with "/" on every system.
        text: Its whole content.
    """

    path: PurePosixPath
    text: str

    @property
    def lines(self) -> int:
        """Lines of the file, empty ones included."""
        return len(self.text.splitlines())

    @property
    def folder(self) -> PurePosixPath:
        """The folder that it lies in, from the root."""
        return self.path.parent

    @property
    def package(self) -> str:
        """The name at the root that it lies under."""
        return self.path.parts[0]

    @property
    def is_product(self) -> bool:
        """True if it is part of what users run."""
        return self.package in PRODUCT


def repository_files(root: Path) -> list[PurePosixPath]:
    """All files of a repository, from its root, sorted.

    Args:
        root: The repository's folder. Without git (an unpacked archive, an image) its listing is
            taken, less what .gitignore names.
    """
    tracked = _tracked(root)
    return sorted(_listed(root) if tracked is None else tracked)


def python_files(root: Path, files: Sequence[PurePosixPath]) -> list[PythonFile]:
    """Read those of a repository's files that are Python and written by hand."""
    return [
        PythonFile(path, (root / path).read_text("utf-8"))
        for path in files
        if path.suffix == ".py" and not any(path.is_relative_to(folder) for folder in GENERATED)
    ]


def _tracked(root: Path) -> list[PurePosixPath] | None:
    """What git tracks and has not been deleted; None where git, or a repository, is missing."""
    if not (root / ".git").exists():  # of a repository further up, nothing is meant
        return None
    command = ["git", "-C", str(root), "ls-files", "-z"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    names = (name for name in done.stdout.split("\0") if name)
    return [PurePosixPath(name) for name in names if (root / name).exists()]


def _listed(root: Path) -> Iterator[PurePosixPath]:
    ignore = root / ".gitignore"
    patterns = ignore.read_text("utf-8").split() if ignore.exists() else []
    folders = [root]
    while folders:
        for path in folders.pop().iterdir():
            relative = PurePosixPath(path.relative_to(root).as_posix())
            if _is_ignored(relative, patterns):
                continue
            if path.is_dir() and not path.is_symlink():
                folders.append(path)
            else:
                yield relative


def _is_ignored(path: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Whether a .gitignore of plain names names it; "/" in front means at the root alone."""
    anchored = [pattern.strip("/") for pattern in patterns if pattern.startswith("/")]
    anywhere = [pattern.strip("/") for pattern in patterns if not pattern.startswith("/")]
    return any(fnmatch(str(path), pattern) for pattern in anchored) or any(
        fnmatch(path.name, pattern) for pattern in [".git", *anywhere]
    )

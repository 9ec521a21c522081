"""What a container may still take of the host's memory, by its control group."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
"""Where a container finds its own group, of either version."""

NO_LIMIT_BYTES = 1 << 60
"""A limit beyond this is none: without one, version 1 says the largest number of whole pages."""


@dataclass(frozen=True, slots=True)
class CgroupMemory:
    """A limit, and what is left of it.

    Args:
        limit_bytes: That all processes of the container may have together.
        spare_bytes: Of those, not taken yet, or by files that the kernel lets go when it must.
    """

    limit_bytes: int
    spare_bytes: int


@dataclass(frozen=True, slots=True)
class _Files:
    """Names of a version's files, and of the line of its statistics that tells of such files."""

    limit: str
    used: str
    statistics: str
    inactive: str


_VERSIONS = (
    _Files("memory.max", "memory.current", "memory.stat", "inactive_file"),
    _Files(
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Version 2, and version 1."""


def read_cgroup_memory(root: Path = ROOT) -> CgroupMemory | None:
    """Read the container's limit; None if there is none, or none that can be read. Never raises."""
    for files in _VERSIONS:
        limit_bytes, used_bytes = _number(root / files.limit), _number(root / files.used)
        if limit_bytes is None or used_bytes is None or limit_bytes >= NO_LIMIT_BYTES:
            continue
        # A model that was just read fills the limit with its file: that is no reason to refuse.
        used_bytes -= _statistic(root / files.statistics, files.inactive)
        return CgroupMemory(limit_bytes, max(0, limit_bytes - max(0, used_bytes)))
    return None


def _number(file: Path) -> int | None:
    """A file's one number; None if there is none, as where it says "max"."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _statistic(file: Path, name: str) -> int:
    """The number of one line, in bytes; 0 if it has none."""
    try:
        lines = file.read_text().splitlines()
        return int(dict(line.split(maxsplit=1) for line in lines)[name])
    except (OSError, ValueError, KeyError):
        return 0

"""Lengthwise as it was at another commit, for an engine to run in place of today's."""

import subprocess
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from testbed.engine import ROOT

BASELINE_COMMIT = "66e1592"
"""The last one in which a request waited for its prediction."""

TESTBED = "testbed"
"""Paces the engines, and gives answers their true lengths."""


@contextmanager
def baseline_checkout(folder: Path) -> Generator[Path]:
    """A worktree of the baseline while the context lasts."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(folder), BASELINE_COMMIT], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def python_path(checkout: Path, folder: Path) -> str:
    """Where an engine finds a checkout instead of what is installed, entry points too.

    The testbed is the one that measures it.
    """
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    for package in checkout.glob("*/__init__.py"):
        name = package.parent.name
        (folder / name).symlink_to(ROOT / name if name == TESTBED else package.parent)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return str(folder)

"""Counts, and holds what is to hold: `python -m checks`, from the repository's root.

It exits with 1 where a bound is broken, and says on the error stream which, where, by how much and
what to do.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from checks.bounds import (
    bare_constants,
    leftovers,
    long_files,
    stray_names,
    thin_args,
    wide_folders,
)
from checks.figures import Figures
from checks.files import python_files, repository_files


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a repository.

    Args:
        arguments: Its folder; none means the current one.

    Returns:
        1 if something does not hold, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m checks", description=__doc__)
    parser.add_argument(
        "root", nargs="?", type=Path, default=Path(), help="the repository's folder"
    )
    root: Path = parser.parse_args(arguments).root
    files = repository_files(root)
    sources = python_files(root, files)
    print("\n".join(Figures.from_files(sources).lines()))
    broken = [
        *stray_names(files),
        *leftovers(files),
        *wide_folders(sources),
        *long_files(sources),
        *thin_args(sources),
        *bare_constants(sources),
    ]
    for message in broken:
        print(message, file=sys.stderr)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())

"""Options that all benchmarks share, and the command line as it is recorded."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

DATA = Path("../shared/data")
"""Where the real sets lie unless --data says otherwise: they are not part of the repository."""


def base_parser(name: str, description: str, *, repeats: int = 3) -> argparse.ArgumentParser:
    """A parser with --json, --data, --repeats and --quick."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=description, allow_abbrev=False
    )
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real data sets")
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds of each measurement")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one round: does it run at all?"
    )
    return parser


def parsed(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    needs_data: bool = True,
) -> argparse.Namespace:
    """Parse, and refuse what cannot work before minutes are spent.

    Args:
        parser: As of `base_parser`.
        argv: The arguments; None takes the process's.
        needs_data: Whether it can do nothing without the real data sets.
    """
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"--repeats is {options.repeats}: expected at least 1")
    if needs_data and not options.data.is_dir():
        parser.error(f"--data is {options.data}: expected a folder with the real data sets")
    options.repeats = 1 if options.quick else options.repeats
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    return options


def recorded_command(program: str, arguments: Sequence[str]) -> str:
    """The command line without the paths of this machine."""
    return shlex.join([*program.split(), *(_portable(argument) for argument in arguments)])


def _portable(argument: str) -> str:
    name, equals, value = argument.rpartition("=")
    if not os.path.isabs(value):  # noqa: PTH117  a text that may be no path at all
        return argument
    relative = os.path.relpath(value)
    near = not relative.startswith(os.path.join("..", ".."))  # noqa: PTH118  as above
    return f"{name}{equals}{relative if near else Path(value).name}"

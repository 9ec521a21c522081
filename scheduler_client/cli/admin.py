"""The commands that tell a service which version of the index to serve."""

import argparse

from lengthwise.index_info import IndexSwitch
from scheduler_client.cli import output as out
from scheduler_client.cli.connection import client_of


def add_switch(parser: argparse.ArgumentParser) -> None:
    """`switch [VERSION]`."""
    parser.add_argument(
        "version", nargs="?", default="", help="of the index (default: the newest of its place)"
    )
    parser.set_defaults(run=_switch)


def add_roll_back(parser: argparse.ArgumentParser) -> None:
    """`rollback`."""
    parser.set_defaults(run=_roll_back)


def _switch(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        _show(client.switch_index(args.version), as_json=args.json)
    return 0


def _roll_back(args: argparse.Namespace) -> int:
    with client_of(args) as client:
        _show(client.roll_back(), as_json=args.json)
    return 0


def _show(switch: IndexSwitch, *, as_json: bool) -> None:
    if as_json:
        print(out.json_line(out.switch_json(switch)))
        return
    print(f"serves {switch.version}, before it {switch.before}")
    if not switch.place_told:
        print(
            "this process alone: it cannot write to the place of the index. To have every process "
            f"follow: python -m index_builder use --index STORE {switch.version}"
        )

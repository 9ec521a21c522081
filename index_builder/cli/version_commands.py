"""What a place of published versions holds, and which of them is current."""

import json
from typing import Annotated

import typer

from lengthwise.index.store import Published

PlaceOption = Annotated[
    str,
    typer.Option(
        "--index",
        envvar="LENGTHWISE_INDEX",
        help="Where versions are published: a folder, or a URL such as s3://bucket/prefix.",
    ),
]


def versions(
    index: PlaceOption,
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """List the versions of a store; the current one is starred."""
    place = Published.at(index)
    current, found = place.current(), place.versions()
    if as_json:
        typer.echo(json.dumps({"current": current, "versions": found}))
        return
    for version in found:
        typer.echo(f"{'*' if version == current else ' '} {version}")


def use(version: str, index: PlaceOption) -> None:
    """Make a version of a store the current one."""
    Published.at(index).make_current(version)
    typer.echo(f"{version} is current")


def rollback(index: PlaceOption) -> None:
    """Make the version before the current one current."""
    typer.echo(f"{Published.at(index).roll_back()} is current")

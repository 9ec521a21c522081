"""`python -m index_builder versions`, `use`, `rollback` and `inspect`: what was published where."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from index_builder.cli.option_groups import JsonOption
from index_builder.cli.tables import (
    evaluation_table,
    manifest_table,
    models_table,
    tiers_table,
)
from index_builder.evaluation.evaluation import Evaluation
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store import Published
from lengthwise.index.store.artifact_reader import ArtifactReader
from lengthwise.index.store.folder_store import resolve_artifact

out = Console()

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
    as_json: JsonOption = False,
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


ArtifactOption = Annotated[
    Path, typer.Option("--index", help="An index store, or one version's folder.")
]


def inspect(index: ArtifactOption, as_json: JsonOption = False) -> None:
    """Show what an index holds, after checking every file of it."""
    artifact = ArtifactReader.from_folder(resolve_artifact(index), anew=True)
    manifest = artifact.manifest
    models = HistoryRows.read(artifact.layout.rows).summaries()
    evaluation = json.loads(artifact.layout.evaluation.read_text("utf-8"))
    if as_json:
        content = json.loads(manifest.to_json())
        content["models"] = [
            {"model": m.model, "rows": m.rows, "median_tokens": m.median_tokens} for m in models
        ]
        typer.echo(json.dumps({**content, "evaluation": evaluation}, indent=1))
        return
    out.print(manifest_table(manifest))
    out.print(models_table(models))
    if evaluation:
        found = Evaluation.from_dict(evaluation)
        out.print(evaluation_table(found))
        if found.by_tier:
            out.print(tiers_table(found))

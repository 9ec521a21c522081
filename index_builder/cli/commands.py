"""The commands of the index job, and what each is called on the command line."""

import typer

from index_builder.cli.build_command import build, train
from index_builder.cli.encode_command import encode
from index_builder.cli.evaluate_command import evaluate
from index_builder.cli.rebuild_command import rebuild
from index_builder.cli.version_commands import inspect, rollback, use, versions

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build an index of past prompts and their output lengths, and see how well it predicts.",
)
for command in (build, encode, train, evaluate, rebuild, versions, use, rollback, inspect):
    app.command()(command)

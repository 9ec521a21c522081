"""`python -m scheduler_client envoy`: serve Envoy as its external processor."""

import argparse
import asyncio
import os
from pathlib import Path

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.cli.inputs import InputError
from scheduler_client.cli.options import TARGET_VARIABLE, add_target_option

ENVOY_HELP = "serve Envoy as its external processor, which sets priorities by predicted length"
"""One sentence in the list of commands and above the command's own options."""

DEFAULT_PORT = 50_061
"""Next to the predictor's 50051, and in the shipped configuration of Envoy."""


def add_envoy(parser: argparse.ArgumentParser) -> None:
    """Add its options; everything else stands in LENGTHWISE_ variables."""
    parser.description = (
        f"{ENVOY_HELP}. Every other setting is a LENGTHWISE_ variable: docs/vllm_reference.md."
    )
    add_target_option(parser)
    parser.add_argument("--host", default="127.0.0.1", help="to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="to listen on; 0: a free one (%(default)s)"
    )
    parser.add_argument("--port-file", type=Path, metavar="FILE", help="to write the port into")
    parser.set_defaults(run=_serve)


def _serve(args: argparse.Namespace) -> int:
    # Only this command needs Envoy's contract.
    from scheduler_client.gateways.envoy.server import ListenOptions, serve  # noqa: PLC0415

    try:
        settings = AdvisorSettings.from_environment({**os.environ, TARGET_VARIABLE: args.target})
        if settings is None:
            raise InputError("--target is empty: expected host:port")
        asyncio.run(serve(settings, ListenOptions(args.host, args.port, args.port_file)))
    except (OSError, ValueError) as error:
        raise InputError(str(error)) from error
    return 0

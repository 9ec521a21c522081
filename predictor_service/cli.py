"""`python -m predictor_service`: flags, one readable line when it serves, an exit code."""

import argparse
import contextlib
import sys
from collections.abc import Sequence

from predictor_service.config import (
    ENV_PREFIX,
    ServiceConfig,
    accepted,
    flag,
    printed,
    settle,
)
from predictor_service.errors import StartUpError
from predictor_service.process.lifecycle import OnReady, run_process, write_port
from predictor_service.process.logs import set_up_logs
from predictor_service.process.parts import artifact_source
from predictor_service.process.supervisor import Supervisor
from predictor_service.system.address import target


def build_parser() -> argparse.ArgumentParser:
    """A flag per field of the configuration, which alone decides what is a good value."""
    parser = argparse.ArgumentParser(
        prog="python -m predictor_service",
        description="Serves length predictions from an index over gRPC.",
        epilog=f"Every option may be given in the environment too, --port as {ENV_PREFIX}PORT, or "
        "in a file, as port = 50051. A flag wins over the environment, which wins over the file.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for name, field in ServiceConfig.model_fields.items():
        description = field.description or accepted(field)
        if not field.is_required() and field.default is not None:
            description += f" (default {field.default})"
        parser.add_argument(
            flag(name), help=description.replace("%", "%%"), metavar=name.split("_")[-1].upper()
        )
    parser.add_argument(
        "--config", metavar="FILE", help=f"TOML file of options (or {ENV_PREFIX}CONFIG)"
    )
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print every option as it would be, and where it comes from, and exit",
    )
    return parser


def announcer(config: ServiceConfig) -> OnReady:
    """What is done once predictions are served."""

    def announce(port: int, version: str) -> None:
        if config.port_file is not None:
            write_port(config.port_file, port)
        # It serves by now: that nobody can be told, as on a full disk, is no reason to stop.
        with contextlib.suppress(OSError):
            print(f"Lengthwise serves index {version} on {target(config.host, port)}", flush=True)

    return announce


def main(argv: Sequence[str] | None = None) -> int:
    """Run the service.

    Returns:
        0 after a graceful stop or `--print-config`, 1 if it cannot start.
    """
    flags = vars(build_parser().parse_args(argv))
    only_print = flags.pop("print_config", False)
    try:
        settled = settle(flags)
        if only_print:
            print(printed(settled), end="")
            return 0
        config = settled.config
        set_up_logs(config)
        source = artifact_source(config)
        if config.processes > 1:
            Supervisor(config, source, on_ready=announcer(config)).run()
        else:
            run_process(config, source, on_ready=announcer(config))
    except StartUpError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 1
    return 0

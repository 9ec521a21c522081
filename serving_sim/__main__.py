"""The simulator's command line."""

import sys


def main() -> None:
    """Run a command; what goes wrong on purpose is one line, not a traceback."""
    from serving_sim.cli.commands import app  # noqa: PLC0415  heavy: only once it is surely wanted
    from serving_sim.errors import SimulationError  # noqa: PLC0415  as above

    try:
        app()
    except SimulationError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

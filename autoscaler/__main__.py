"""The autoscaler's command line."""

import sys


def main() -> None:
    """Run a command; what goes wrong on purpose is one line, not a traceback."""
    from autoscaler.errors import AutoscalerError  # noqa: PLC0415  light: before what is heavy

    try:
        from autoscaler.cli.commands import app  # noqa: PLC0415  heavy: only once it is wanted
    except ImportError as error:
        sys.exit(
            f"error: the autoscaler needs {error.name}: install it with "
            "pip install 'lengthwise[autoscaler]'"
        )
    try:
        app()
    except AutoscalerError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

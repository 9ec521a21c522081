"""The index job's command line."""

import sys

from lengthwise.index.errors import LengthIndexError


def main() -> None:
    """Run a command; what goes wrong on purpose is one line, not a traceback."""
    from index_builder.cli.commands import app  # noqa: PLC0415  heavy: only once it is surely wanted

    try:
        app()
    except LengthIndexError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

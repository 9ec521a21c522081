"""Writes the sample history into a file: `python -m demo.seed --out history.jsonl.gz`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from demo.sample_history import SAMPLE_ROWS, write_sample_history


def main(argv: Sequence[str] | None = None) -> None:
    """Write it."""
    parser = argparse.ArgumentParser(prog="python -m demo.seed", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the file, gzip'd JSON lines")
    parser.add_argument("--rows", type=int, default=SAMPLE_ROWS, help="default: %(default)s")
    options = parser.parse_args(argv)
    if options.rows < 1:
        parser.error(f"--rows is {options.rows}: expected at least 1")
    write_sample_history(options.out, options.rows)
    print(f"{options.out} holds {options.rows:,} GENERATED rows: no LLM was measured")


if __name__ == "__main__":
    main()

"""A fleet in virtual time, scaled by six policies: `make demo-fleet`, under a minute.

Lengths are those of the generated sample history unless a history is named; predictions are the
truth with noise, so that no index has to be built.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.sample_history import write_sample_history
from serving_sim.cli.fleet import fleet
from serving_sim.errors import SimulationError

PAGE_FOLDER = Path("build/demo-fleet")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m demo.fleet_demo", description=__doc__)
    parser.add_argument("--history", type=Path, help="CSV or JSON lines with output_tokens")
    parser.add_argument("--requests", type=int, default=12_000, help="interactive ones")
    parser.add_argument("--out", type=Path, default=PAGE_FOLDER, help="folder of the page")
    options = parser.parse_args(argv)
    with TemporaryDirectory(prefix="lengthwise-") as folder:
        lengths = options.history
        if lengths is None:
            lengths = Path(folder) / "history.jsonl.gz"
            write_sample_history(lengths)
        try:
            fleet(
                lengths=lengths,
                cv=4.0,
                rate=20.0,
                requests=options.requests,
                job_every_s=300.0,
                deadline_s=900.0,
                seeds=1,
                least=2,
                report=options.out,
            )
        except SimulationError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

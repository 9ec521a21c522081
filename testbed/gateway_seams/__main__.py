"""Holds our fields against the sources of engines that cannot run here: `-m testbed.gateway_seams`.

SGLang and NVIDIA Dynamo need a GPU's packages, so their code is not installed. Their wheels are
downloaded (SGLang's has 40 MB) unless given, what is needed of them is looked up in their syntax
trees, and the few functions that order requests and read hints are run, alone, on our fields.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from testbed.gateway_seams import dynamo, sglang
from testbed.vllm_seams import download


def main(argv: Sequence[str] | None = None) -> int:
    """Look everything up and say what is otherwise.

    Returns:
        1 if something is, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m testbed.gateway_seams", description=__doc__)
    parser.add_argument("--sglang", type=Path, help=f"its wheel (default: {sglang.RELEASE}'s)")
    parser.add_argument("--dynamo", type=Path, help=f"its wheel (default: {dynamo.RELEASE}'s)")
    options = parser.parse_args(argv)
    checks = (
        (sglang.RELEASE, options.sglang, sglang.sglang_faults),
        (dynamo.RELEASE, options.dynamo, dynamo.dynamo_faults),
    )
    wrong = 0
    for release, given, faults_in in checks:
        with TemporaryDirectory(prefix="lengthwise-seams-") as folder:
            wheel = given or download(release, Path(folder))
            faults = faults_in(wheel)
        wrong += len(faults)
        print(f"{wheel.name}: {len(faults)} things are not as our fields need them")
        for fault in faults:
            print(f"  {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

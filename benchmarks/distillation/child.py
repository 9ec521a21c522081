"""A process that loads one index and predicts: its memory is that of a service's index."""

import json
import os
import sys
from pathlib import Path

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from testbed.process_tree import resident_mib

BATCH = 32
"""Prompts in a micro-batch."""


def main() -> None:
    """Predict the prompts of a JSON file with an index: arguments INDEX PROMPTS; prints MiB."""
    index = LengthIndex.load(Path(sys.argv[1]))
    prompts: list[str] = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    for start in range(0, len(prompts), BATCH):
        index.predict([Query(prompt) for prompt in prompts[start : start + BATCH]])
    # Told from within: what the system says of a child that has ended begins with its parent's.
    print(resident_mib(os.getpid(), peak=True))


if __name__ == "__main__":
    main()

"""A process that loads one index and predicts: its memory is that of a service's index."""

import json
import sys
from pathlib import Path

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex

BATCH = 32
"""Prompts in a micro-batch."""


def main() -> None:
    """Predict the prompts of a JSON file with an index: arguments INDEX PROMPTS."""
    index = LengthIndex.load(Path(sys.argv[1]))
    prompts: list[str] = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    for start in range(0, len(prompts), BATCH):
        index.predict([Query(prompt) for prompt in prompts[start : start + BATCH]])


if __name__ == "__main__":
    main()

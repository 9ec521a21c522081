"""How fast indexes answer side by side, and what memory a process of each takes."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.distillation.child import BATCH
from benchmarks.harness.report import say
from benchmarks.harness.spread import percentile
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex

SINGLE = 100
"""Prompts that are timed alone."""

WARM_UP = 256
"""Prompts asked about before anything is timed."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What the rounds gave for one index.

    Args:
        rates: Predictions per second in micro-batches of `BATCH`: encoded, searched, estimated.
        encoded: Prompts per second in the same batches, encoded alone.
        p50_ms: Median time of a prompt alone.
    """

    rates: list[float] = field(default_factory=list[float])
    encoded: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])

    def add_round(self, index: LengthIndex, queries: Sequence[Query]) -> None:
        """Measure once more."""
        batches = [queries[i : i + BATCH] for i in range(0, len(queries), BATCH)]
        encode_s = total_s = 0.0
        for batch in batches:
            began_s = time.perf_counter()
            vectors = index.encode([query.prompt for query in batch])
            encode_s += time.perf_counter() - began_s
            index.estimate(index.search(vectors, batch), batch)
            total_s += time.perf_counter() - began_s
        self.rates.append(len(queries) / total_s)
        self.encoded.append(len(queries) / encode_s)
        self.p50_ms.append(percentile([_alone_ms(index, q) for q in queries[:SINGLE]], 0.5))


def timed_in_turns(
    indexes: Mapping[str, LengthIndex], queries: Sequence[Query], rounds: int
) -> dict[str, Timed]:
    """Ask all the same, in turns, every other round in reverse."""
    found = {name: Timed() for name in indexes}
    for index in indexes.values():
        Timed().add_round(index, queries[:WARM_UP])
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name in list(indexes)[:: -1 if number % 2 else 1]:
            found[name].add_round(indexes[name], queries)
    return found


def memory_mib(index: Path, prompts: Sequence[str]) -> float:
    """The most that a process holds which loads an index and predicts some prompts."""
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        file = Path(name) / "prompts.json"
        file.write_text(json.dumps(list(prompts)), "utf-8")
        command = [sys.executable, "-m", "benchmarks.distillation.child", str(index), str(file)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return float(said)


def _alone_ms(index: LengthIndex, query: Query) -> float:
    began_s = time.perf_counter()
    index.predict([query])
    return 1_000 * (time.perf_counter() - began_s)

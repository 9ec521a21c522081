"""One build, or the encoder alone over the same rows, in a process of its own.

`python -m benchmarks.build_child build|encode HISTORY ROWS` prints JSON. A build does what
`python -m index_builder build` does, and notes when each stage began.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.processes import own_peak_mib
from index_builder.build.builder import build_index
from lengthwise.history.files import History
from lengthwise.index.encoder.encoder import Encoder, load_encoder
from lengthwise.index.record import HistoryRecord

WARM_UP = ("warm up",) * 64


class StageClock:
    """Notes how long each stage of a build takes."""

    def __init__(self) -> None:
        self._began_s: list[tuple[str, float]] = []

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._began_s.append((name, time.perf_counter()))

    def rows(self, count: int) -> None:
        """So many more rows were encoded."""

    def seconds(self) -> dict[str, float]:
        """Stage to seconds; the last ends now, publishing included."""
        ends_s = [*(began for _, began in self._began_s[1:]), time.perf_counter()]
        return {
            f"{name}_s": end - began
            for (name, began), end in zip(self._began_s, ends_s, strict=True)
        }


class FirstRows:
    """The first rows of a history.

    Args:
        history: All of it.
        rows: How many.
    """

    def __init__(self, history: History, rows: int) -> None:
        self._history = history
        self._rows = rows

    def __iter__(self) -> Iterator[HistoryRecord]:
        return islice(self._history, self._rows)

    @property
    def fingerprint(self) -> str:
        """Of what was read."""
        return self._history.fingerprint


def build(encoder: Encoder, history: FirstRows) -> dict[str, Any]:
    """Build an index."""
    clock = StageClock()
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        result = build_index(history, Path(folder) / "index", encoder, progress=clock)
        wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
        stages = clock.seconds()
    return {"rows": result.manifest.rows, "wall_s": wall_s, "cpu_s": cpu_s, **stages}


def encode(encoder: Encoder, history: FirstRows) -> dict[str, Any]:
    """Encode all prompts in one call, which is what the encoder does best."""
    prompts = [record.prompt for record in history]
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    encoder.encode(prompts)
    wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    return {"rows": len(prompts), "wall_s": wall_s, "cpu_s": cpu_s}


def main() -> None:
    """Load, warm up, do it, print."""
    what, history, rows = sys.argv[1:]
    encoder = load_encoder()
    encoder.encode(WARM_UP)
    job = {"build": build, "encode": encode}[what]
    found = job(encoder, FirstRows(History.from_paths(history), int(rows)))
    print(json.dumps({**found, "peak_mib": own_peak_mib()}))


if __name__ == "__main__":
    main()

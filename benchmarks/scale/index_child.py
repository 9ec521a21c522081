"""One job on a long history, in a process of its own: `index_child WHAT MATERIAL STORE ROWS`.

`build`: an index of rows whose vectors are known. `rebuild`: a round over so many new completions.
`start`: as a service starts, to its first prediction. Prints JSON.
"""

import json
import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.scale.long_history import LongHistory, Material
from index_builder.rebuild.outcome import RoundEnding
from lengthwise.history.database.completion import Report
from lengthwise.history.database.place import Place
from lengthwise.history.database.writer import HistoryWriter
from testbed.process_tree import resident_mib

FORGET_PEAK = "5"
"""Written to /proc/self/clear_refs, it has the peak of resident memory begin anew (proc(5))."""


@dataclass
class StageMeter:
    """CPU time and memory of each stage of a job."""

    found: dict[str, float] = field(default_factory=dict)
    _name: str = ""
    _began_cpu_s: float = 0.0

    def stage(self, name: str) -> None:
        """A stage begins; what was before it ends."""
        self.end()
        self._name, self._began_cpu_s = name, time.process_time()

    def rows(self, count: int) -> None:
        """So many more rows were read."""

    def end(self) -> None:
        """The last stage ends; the peak is that of the stage alone."""
        if self._name:
            self.found[f"{self._name}_cpu_s"] = time.process_time() - self._began_cpu_s
            self.found[f"{self._name}_peak_mib"] = peak_mib()
        self.found["peak_mib"] = max(self.found.get("peak_mib", 0.0), peak_mib())
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK)


def peak_mib() -> float:
    """The most memory held (resident) since it was last to be forgotten."""
    return resident_mib(os.getpid(), peak=True)


def build(material: Path, store: Path, rows: int) -> dict[str, Any]:
    """Index, fit and evaluate."""
    from index_builder.build.builder import build_encoded  # noqa: PLC0415  counted from here

    meter = StageMeter()
    history = LongHistory(Material.read(material), rows)
    build_encoded(history, store, progress=meter)
    meter.end()
    return meter.found


def start(material: Path, store: Path, rows: int) -> dict[str, Any]:
    """Load as a service does and predict once."""
    del rows
    prompt = Material.read(material).prompts[0]
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    from lengthwise.index.estimate.estimate import Query  # noqa: PLC0415  counted from here
    from lengthwise.index.index import LengthIndex  # noqa: PLC0415

    index = LengthIndex.load(store)
    loaded_s = time.perf_counter() - started_s
    index.predict([Query(prompt, "llm-00")])
    return {
        "load_s": loaded_s,
        "start_s": time.perf_counter() - started_s,
        "start_cpu_s": time.process_time() - started_cpu_s,
    }


def rebuild(material: Path, store: Path, rows: int) -> dict[str, Any]:
    """Take in new completions, compare, publish."""
    from index_builder.rebuild.options import RebuildOptions  # noqa: PLC0415  counted from here
    from index_builder.rebuild.progress import RoundProgress  # noqa: PLC0415
    from index_builder.rebuild.round import Rebuild  # noqa: PLC0415
    from lengthwise.index.store import Published  # noqa: PLC0415

    meter = StageMeter()
    job = Rebuild(
        history=_history_of(Material.read(material), rows, store),
        place=Published.at(str(store)),
        # Whatever the made lengths are like, both builds are made and the second is published.
        options=RebuildOptions(
            keep_rows=10**9, tolerate_mae=1_000, tolerate_tau=2, tolerate_coverage=1
        ),
    )
    started_cpu_s = time.process_time()
    outcome = job.run(RoundProgress(meter.stage))
    meter.end()
    if outcome.ending is not RoundEnding.PUBLISHED:
        raise RuntimeError(f"the round ended with {outcome.ending}: {outcome.faults}")
    return {**meter.found, "round_cpu_s": time.process_time() - started_cpu_s}


def _history_of(material: Material, rows: int, store: Path) -> str:
    """A new history in SQLite, whose rows no index has."""
    database = store.with_name(f"{store.name}-history.db")
    database.unlink(missing_ok=True)
    [chunk] = LongHistory(material, rows)
    records = [replace(record, id=f"new-{time.time_ns()}-{record.id}") for record in chunk.records]
    writer = HistoryWriter.open(Place.parse(str(database)))
    writer.append([Report(records, None, "")])
    writer.close()
    return str(database)


def main() -> None:
    """Do one job."""
    what, material, store, rows = sys.argv[1:]
    job = {"build": build, "rebuild": rebuild, "start": start}[what]
    found = job(Path(material), Path(store), int(rows))
    found.setdefault("peak_mib", peak_mib())
    print(json.dumps({**found, "cpu_s": time.process_time()}))


if __name__ == "__main__":
    main()

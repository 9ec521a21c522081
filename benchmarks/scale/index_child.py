"""One job on a long history, in a process of its own; prints JSON.

`python -m benchmarks.scale.index_child build MATERIAL STORE ROWS`: an index of rows whose vectors are
known. `rebuild MATERIAL STORE ROWS`: a round over so many new completions. `start MATERIAL STORE 0`: as
a service starts, to its first prediction.
"""

import json
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scale.long_history import LLMS, LongHistory, Material


@dataclass
class StageMeter:
    """CPU time and memory of each stage of a job."""

    began: list[tuple[str, float, float]] = field(default_factory=list)
    found: dict[str, float] = field(default_factory=dict)

    def stage(self, name: str) -> None:
        """A stage begins; what was before it ends."""
        self.end()
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        self.began.append((name, time.process_time(), time.perf_counter()))

    def rows(self, count: int) -> None:
        """So many more rows were read."""

    def end(self) -> None:
        """The last stage ends."""
        if self.began:
            name, cpu_s, wall_s = self.began[-1]
            self.found[f"{name}_cpu_s"] = time.process_time() - cpu_s
            self.found[f"{name}_s"] = time.perf_counter() - wall_s
            self.found[f"{name}_peak_mib"] = peak_mib()


def peak_mib() -> float:
    """The most memory held (resident) since it was last asked to be forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1_024 for line in lines if line.startswith("VmHWM:"))


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
    from dataclasses import replace  # noqa: PLC0415

    from index_builder.rebuild.options import RebuildOptions  # noqa: PLC0415  counted from here
    from index_builder.rebuild.progress import RoundProgress  # noqa: PLC0415
    from index_builder.rebuild.round import Rebuild  # noqa: PLC0415
    from lengthwise.history.database.completion import Report  # noqa: PLC0415
    from lengthwise.history.database.place import Place  # noqa: PLC0415
    from lengthwise.history.database.writer import HistoryWriter  # noqa: PLC0415
    from lengthwise.index.store import Published  # noqa: PLC0415

    made = Material.read(material)
    [chunk] = LongHistory(made, rows)
    records = [replace(record, id=f"new-{record.id}") for record in chunk.records]
    database = store.parent / f"{store.name}-history.db"
    database.unlink(missing_ok=True)
    writer = HistoryWriter.open(Place.parse(str(database)))
    writer.append([Report(records, None, "")])
    writer.close()
    meter = StageMeter()
    job = Rebuild(
        history=str(database),
        place=Published.at(str(store)),
        options=RebuildOptions(keep_rows=10**9, tolerate_mae=1000, tolerate_tau=2, tolerate_coverage=1),
    )
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    outcome = job.run(RoundProgress(lambda line: meter.stage(line[:12])))
    meter.end()
    return {
        "ending": str(outcome.ending),
        "rebuild_s": time.perf_counter() - started_s,
        "rebuild_cpu_s": time.process_time() - started_cpu_s,
        **meter.found,
    }


def main() -> None:
    """Do one job."""
    what, material, store, rows = sys.argv[1:]
    found = {"build": build, "rebuild": rebuild, "start": start}[what](
        Path(material), Path(store), int(rows)
    )
    whole = resource.getrusage(resource.RUSAGE_SELF)
    found["peak_mib"] = whole.ru_maxrss / 1_024
    found["cpu_s"] = whole.ru_utime + whole.ru_stime
    print(json.dumps({"llms": LLMS, **found}))


if __name__ == "__main__":
    main()

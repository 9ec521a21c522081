"""Histories in files, and their encodings, with an encoder of no weight."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from index_builder.build.builder import build_encoded, build_index
from index_builder.build.progress import SilentProgress
from index_builder.distributed.encode_job import ThisProcess, encode_history
from index_builder.distributed.encoded_history import EncodedHistory
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan
from lengthwise.history.files import History, ReadOptions
from tests.lengthwise.index.fakes import BagOfWords, topic_history

SAME = ("rows.parquet", "vectors.faiss", "calibration.json")
"""Files of an artifact that depend on its rows and their vectors alone."""


def write_history(folder: Path, rows: int = 120, files: int = 3) -> Path:
    """JSON lines in several files, a file for each day."""
    folder.mkdir(parents=True, exist_ok=True)
    records = topic_history(rows)
    for number in range(files):
        lines = [json.dumps(asdict(record)) for record in records[number::files]]
        (folder / f"day-{number}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def plan_of(*sources, chunk_rows: int = 16, keep_per_model: int = 0, on_error="stop") -> EncodePlan:
    """A plan with parts so small that a short history has several in each file."""
    plan = EncodePlan.from_sources(
        [str(source) for source in sources],
        ReadOptions(on_error=on_error),
        "bag of words",
        keep_per_model=keep_per_model,
    )
    return EncodePlan(
        plan.files, plan.reading, plan.encoder, plan.precision, plan.keep_per_model, chunk_rows
    )


def encode(plan: EncodePlan, parts: Path | str, encoder=None):
    """Encode here; gives rows in all, and rows encoded now."""
    engine = ThisProcess(encoder=encoder or BagOfWords())
    done = encode_history(plan, Place.at(str(parts)), engine, SilentProgress())
    return done.rows, done.encoded_rows


def digests(artifact: Path) -> dict[str, str]:
    """SHA-256 of what an artifact holds, by file, and the fingerprint of its history."""
    manifest = json.loads((artifact / "manifest.json").read_text())
    found = {name: hashlib.sha256((artifact / name).read_bytes()).hexdigest() for name in SAME}
    return found | {"fingerprint": manifest["data_fingerprint"], "rows": manifest["rows"]}


def built_of_parts(parts: Path | str, out: Path) -> dict[str, str]:
    """Digests of what a build makes of parts."""
    return digests(build_encoded(EncodedHistory(Place.at(str(parts))), out).path)


def built_here(history: Path, out: Path, encoder=None, on_error="stop") -> dict[str, str]:
    """Digests of what a build makes of the history itself."""
    source = History.from_paths(history, ReadOptions(on_error=on_error))
    return digests(build_index(source, out, encoder or BagOfWords()).path)

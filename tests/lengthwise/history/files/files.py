"""Writes small made-up histories in every format."""

import csv
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS: list[dict[str, Any]] = [
    {"id": "a-1", "prompt": "What is a prime?", "output_tokens": 40, "model": "m-small"},
    {"id": "a-2", "prompt": '  Name\n3 rivers, "quoted" ', "output_tokens": 12, "model": "m-big"},
    {"id": "b-1", "prompt": "¿Qué hora es? 🙂", "output_tokens": 0, "model": "m-big"},
]


def write_json_lines(path: Path, rows: Iterable[object]) -> Path:
    """Write JSON lines, compressed as the name says."""
    return write_bytes(path, b"".join(json.dumps(row).encode() + b"\n" for row in rows))


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes, compressed as the name says."""
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    elif path.suffix == ".zst":
        data = pa.compress(data, codec="zstd", asbytes=True)
    path.write_bytes(data)
    return path


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write CSV with the columns of the first row; nested values as JSON."""
    rows = list(rows)
    plain = path.with_name(path.name + ".plain")
    with plain.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in row.items()}
            )
    write_bytes(path, plain.read_bytes())
    plain.unlink()
    return path


def write_parquet(path: Path, rows: list[Mapping[str, Any]], *, row_group_size: int = 1000) -> Path:
    """Write Parquet in row groups of a size."""
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=row_group_size)
    return path


def write_any(path: Path, rows: list[Mapping[str, Any]]) -> Path:
    """Write in the format that the name says."""
    if ".csv" in path.name:
        return write_csv(path, rows)
    return write_parquet(path, rows) if ".parquet" in path.name else write_json_lines(path, rows)

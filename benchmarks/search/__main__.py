"""Search among many vectors: time and recall beside rivals, and its share of a prediction.

`python -m benchmarks.search`
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.raw_encoder import ready_encoder
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, percentile
from benchmarks.harness.table import Row
from benchmarks.harness.workloads import CHATDOCTOR, DAVINCI, VICUNA, read_records, unique_prompts
from benchmarks.search.grown_vectors import VectorCache, grow
from benchmarks.search.own_rows import LLMS, OwnRows, measure_own_rows
from benchmarks.search.prediction_parts import Parts, measure_parts, served_index
from benchmarks.search.searched import Searched, build_flat, build_hnsw, build_ours
from benchmarks.search.tables import own_table, search_table, share_table, time_table
from lengthwise.index.arrays import FloatMatrix, IntMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.searcher import NEIGHBOURS
from lengthwise.index.search.vectors import RECALL_K, exact_neighbours, recall_of

SIZES = (10_000, 100_000, 1_000_000)
"""Vectors that are searched."""

QUICK_SIZES = (4_000, 20_000)
"""The same with --quick."""

HNSW_MAX_ROWS = 100_000
"""Vectors up to which HNSW is built unless --all says otherwise."""

BATCH = 32
"""Queries in a micro-batch."""

BATCH_NAMES = {1: "one prompt", BATCH: f"batch of {BATCH}"}

BATCHES = 20
"""Micro-batches that are timed."""

SINGLES = 200
"""Queries alone that are timed."""

QUERIES = 1_000
"""Queries of each kind, near and far."""


@dataclass(frozen=True, slots=True)
class Material:
    """Real prompts and their vectors.

    Args:
        encoder: The one that made the vectors.
        base: Vectors to be searched, shape (rows, dimension), of unit length.
        lengths: Tokens of the answer to each prompt of the base.
        near_prompts: Held out, of the base's kind.
        near: Vectors of those held-out prompts, in their order.
        far: Vectors of prompts of another kind.
    """

    encoder: Encoder
    base: FloatMatrix
    lengths: list[int]
    near_prompts: list[str]
    near: FloatMatrix
    far: FloatMatrix


@dataclass(frozen=True, slots=True)
class Truth:
    """The true neighbours of the queries."""

    near: IntMatrix
    far: IntMatrix


@dataclass(slots=True)
class Found:
    """Rows of the tables, size after size."""

    rows: list[Row] = field(default_factory=list[Row])
    own: list[Row] = field(default_factory=list[Row])
    shares: list[Row] = field(default_factory=list[Row])


def load_material(options: argparse.Namespace) -> Material:
    """Read and embed."""
    say("reading and embedding")
    asked = unique_prompts(read_records(options.data, VICUNA))
    shared = set(asked)
    kept = [r for r in read_records(options.data, DAVINCI) if r.prompt not in shared]
    kept = kept[:6_000] if options.quick else kept
    far = unique_prompts(read_records(options.data, CHATDOCTOR))[:QUERIES]
    encoder = ready_encoder(asked)
    cache = VectorCache(options.cache, encoder)
    return Material(
        encoder,
        cache.embed([record.prompt for record in kept]),
        [record.output_tokens for record in kept],
        asked[:QUERIES],
        cache.embed(asked[:QUERIES]),
        cache.embed(far),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("search", "Search time and recall beside rivals.")
    parser.add_argument("--cache", type=Path, help="keep embeddings in this folder between runs")
    parser.add_argument("--keep", type=Path, help="keep our indexes in this folder between runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="vectors searched")
    parser.add_argument("--llms", type=int, default=LLMS, help="LLMs that share an index")
    parser.add_argument("--all", action="store_true", help="HNSW at the largest size too (long)")
    options = parsed(parser, argv)
    material = load_material(options)
    found = Found()
    for size in QUICK_SIZES if options.quick else options.sizes:
        _measure_size(size, material, options, found)
    finish(_report(options.command, material, found), options.json)


def _measure_size(size: int, material: Material, options: argparse.Namespace, found: Found) -> None:
    say(f"{size:,} vectors: growing and finding the true neighbours")
    vectors = grow(material.base, size)
    truth = Truth(
        exact_neighbours(vectors, material.near, RECALL_K),
        exact_neighbours(vectors, material.far, RECALL_K),
    )
    say(f"{size:,} vectors: building")
    ours, index = build_ours(vectors, options.keep)
    compared = [ours, build_flat(vectors)]
    if size <= HNSW_MAX_ROWS or options.all:
        compared.append(build_hnsw(vectors))
    say(f"{size:,} vectors: searching")
    of_size: Row = {"rows": size}
    found.rows += [of_size | row for row in _compare(compared, material, truth, options.repeats)]
    del compared, vectors  # gigabytes, which the rest of it does without
    say(f"{size:,} vectors: searching among the rows of each of {options.llms} LLMs")
    own = OwnRows.shared_by(index, options.llms)
    found.own += [of_size | row for row in measure_own_rows(own, material.near, options.repeats)]
    served = served_index(index, material.lengths, material.encoder)
    for batch, count in ((1, SINGLES), (BATCH, BATCHES)):
        parts = [
            measure_parts(served, material.near_prompts, batch, count)
            for _ in range(options.repeats)
        ]
        found.shares.append({"rows": size, "batch": batch, **_share_row(parts)})


def _share_row(parts: Sequence[Parts]) -> Row:
    return {
        "encode_ms": Spread.from_values([p.encode_ms for p in parts]),
        "search_ms": Spread.from_values([p.search_ms for p in parts]),
        "estimate_ms": Spread.from_values([p.estimate_ms for p in parts]),
        "search_share": Spread.from_values([p.search_share for p in parts]),
    }


def _compare(
    compared: Sequence[Searched], material: Material, truth: Truth, repeats: int
) -> list[Row]:
    """Recall of each, and times in turns."""
    times: dict[str, dict[str, list[float]]] = {one.name: {} for one in compared}
    for _ in range(repeats):
        for one in compared:
            for key, value in _times_ms(one, material.near).items():
                times[one.name].setdefault(key, []).append(value)
    return [
        {
            "index": one.name,
            "setting": one.setting,
            "recall": recall_of(one.search(material.near, RECALL_K), truth.near),
            "far_recall": recall_of(one.search(material.far, RECALL_K), truth.far),
            **{key: Spread.from_values(values) for key, values in times[one.name].items()},
            "build_s": one.build_s,
            "megabytes": one.megabytes,
        }
        for one in compared
    ]


def _times_ms(one: Searched, queries: FloatMatrix) -> dict[str, float]:
    """Milliseconds per query, by threads and queries at once; as many neighbours as are served."""
    faiss: Any = import_faiss()
    threads_before = faiss.omp_get_max_threads()
    found: dict[str, float] = {}
    for threads in sorted({1, threads_before}):
        faiss.omp_set_num_threads(threads)
        for batch, count in ((1, SINGLES), (BATCH, BATCHES)):
            key = f"batch{batch}_threads{threads}_ms"
            found[key] = _median_ms(one, queries, batch, count) / batch
    faiss.omp_set_num_threads(threads_before)
    return found


def _median_ms(one: Searched, queries: FloatMatrix, batch: int, count: int) -> float:
    times_ms: list[float] = []
    for i in range(count + 1):
        start = i * batch % (len(queries) - batch + 1)
        started_s = time.perf_counter()
        one.search(queries[start : start + batch], NEIGHBOURS)
        times_ms.append((time.perf_counter() - started_s) * 1_000)
    return percentile(times_ms[1:], 0.5)


def _report(command: str, material: Material, found: Found) -> Report:
    notes = [
        f"Vectors: {len(material.base):,} real prompts of alpaca_davinci003, embedded; beyond "
        "that number, points between a real prompt and one of its eight nearest, with a little "
        "noise (benchmarks/search/grown_vectors.py): as dense as the real ones, but not real.",
        "Queries: prompts of the Vicuna set, none of which is among the vectors (recall, times), "
        "and of chatdoctor5k, another domain (far recall).",
    ]
    tables = [
        search_table(found.rows),
        time_table(found.rows),
        own_table(found.own),
        share_table(found.shares),
        aims_table(_aims(found)),
    ]
    return Report("search", command, tables, notes)


def _aims(found: Found) -> list[Aim]:
    largest = max(row["rows"] for row in found.rows)
    ours = next(r for r in found.rows if r["rows"] == largest and r["index"] == "Lengthwise")
    own = {r["batch"]: r for r in found.own if r["rows"] == largest}
    share = {r["batch"]: r["search_share"] for r in found.shares if r["rows"] == largest}
    at = f"at {largest:,}"
    recall = "recall@32 " + at
    return [
        Aim(f"{recall}, held-out prompts", ours["recall"], at_least=0.98, form="{:.3f}"),
        Aim(f"{recall}, own rows", own[1]["own_recall"], at_least=0.98, form="{:.3f}"),
        *(
            Aim(f"own rows {at}, {name}, of plain", own[b]["own_ratio"], at_most=1.5, form="{:.2f}")
            for b, name in BATCH_NAMES.items()
        ),
        *(
            Aim(f"search's share {at}, {name}", share[b], at_most=0.1, form="{:.1%}")
            for b, name in BATCH_NAMES.items()
        ),
    ]


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Every search in FAISS's on-disk inverted lists starts up to 32 threads, whatever OpenMP is allowed.
#
# They read ahead what the search will visit: min(32, queries x nprobe) new threads for each call of
# search, not a pool, and omp_set_num_threads(1) has no say in it. Where the lists are in the machine's
# cache there is nothing to read ahead, and a search of one query takes several times as long, all of it
# in starting threads. Nothing is said. OnDiskInvertedLists.prefetch_nthread = 0 ends it; the field is
# not stored with an index, so it must be set after every read_index.
#
# Needs Python 3.11, Linux and PyPI; everything happens in a temporary folder. Counts the threads that the
# machine starts (proc(5), /proc/stat), so other work may add to them. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check faiss-cpu==1.15.1 numpy==2.4.6

cat > threads.py <<'PY'
"""Counts threads started by searches of one query each in on-disk lists."""
import time
from pathlib import Path

import faiss
import numpy as np

SEARCHES, PROBES = 300, 32


def started():
    """Processes and threads that the machine started since it runs."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("processes"))


def measured(index, query):
    """Threads started and milliseconds, for each search."""
    index.search(query, 10)
    before, began = started(), time.perf_counter()
    for _ in range(SEARCHES):
        index.search(query, 10)
    return (started() - before) / SEARCHES, (time.perf_counter() - began) / SEARCHES * 1000


faiss.omp_set_num_threads(1)
vectors = np.random.default_rng(0).normal(size=(20_000, 32)).astype(np.float32)
index = faiss.index_factory(32, "IVF64,Flat")
index.train(vectors)
lists = faiss.OnDiskInvertedLists(64, index.code_size, "lists.bin")
index.replace_invlists(lists, False)
index.add(vectors)
index.nprobe = PROBES
found = {"as it is": measured(index, vectors[:1])}
lists.prefetch_nthread = 0
found["prefetch_nthread = 0"] = measured(index, vectors[:1])
print("FAISS", faiss.__version__, "with omp_get_max_threads() ==", faiss.omp_get_max_threads())
for way, (threads, took_ms) in found.items():
    print(f"{way}: {threads:.1f} threads started for each search, {took_ms:.3f} ms")
many, none = (threads for threads, _ in found.values())
same = many >= PROBES and none < PROBES / 2
raise SystemExit(0 if same else "this changed: expected 32 threads a search, then none")
PY
env/bin/python threads.py | grep -v '^resizing'

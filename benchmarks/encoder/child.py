"""One way to run the encoder, in a process of its own.

`python -m benchmarks.encoder.child VARIANT MODEL_FOLDER PROMPTS THREADS` answers requests for
measurements. It runs in other environments too, so it imports nothing but what those have.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.encoder.variants import Encode, variant_named
from benchmarks.harness.children import answer_lines
from benchmarks.harness.spread import percentile

BATCH = 32
"""Prompts in one call of the variant's function."""


class Subject:
    """What is measured: an encode function, and prompts in the orders that they come in.

    Args:
        encode: The variant's function from prompts to vectors.
        prompts: In the order in which they came.
    """

    def __init__(self, encode: Encode, prompts: list[str]) -> None:
        self._encode = encode
        self._prompts = prompts

    def batches(self, *, count: int, by_length: bool) -> dict[str, Any]:
        """Encode some prompts in batches of 32, sorted by length first or as they came."""
        chosen = self._prompts[:count]
        if by_length:
            chosen = sorted(chosen, key=len)
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        for start in range(0, len(chosen), BATCH):
            self._encode(chosen[start : start + BATCH])
        wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
        return {"rate": len(chosen) / wall_s, "cpu_ms": 1_000 * cpu_s / len(chosen)}

    def single(self, *, count: int) -> dict[str, Any]:
        """Encode some prompts one by one."""
        times_ms: list[float] = []
        for prompt in self._prompts[:count]:
            started_s = time.perf_counter()
            self._encode([prompt])
            times_ms.append((time.perf_counter() - started_s) * 1_000)
        return {"p50_ms": percentile(times_ms, 0.5)}

    def save(self, *, file: str, texts: str) -> dict[str, Any]:
        """Write the unit vectors of a JSON list of texts, in order."""
        prompts: Sequence[str] = json.loads(Path(texts).read_text("utf-8"))
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        found = np.asarray(self._encode([prompts[i] for i in order]), np.float32)
        vectors = np.empty_like(found)
        vectors[order] = found / np.linalg.norm(found, axis=1, keepdims=True)
        np.save(file, vectors)
        return {"rows": len(vectors)}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked for."""
        return getattr(self, request.pop("what"))(**request)


def main() -> None:
    """Load, warm up, answer."""
    name, folder, prompt_file, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    encode = variant_named(name).load(Path(folder), int(threads))
    prompts: list[str] = json.loads(Path(prompt_file).read_text("utf-8"))
    for _ in range(2):
        encode(prompts[:BATCH])
        encode(prompts[:1])
    answer_lines(Subject(encode, prompts).answer)


if __name__ == "__main__":
    main()

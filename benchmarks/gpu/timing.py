"""Times of what a GPU does, which goes on after a call has returned."""

import time
from collections.abc import Callable, Sequence

import torch

from benchmarks.harness.spread import percentile

WARM_UP = 3
"""Calls before the clock starts: the first ones choose kernels and take memory."""


def times_ms(call: Callable[[int], object], count: int, device: str) -> list[float]:
    """Time calls, each from its start until the device has nothing left to do.

    Args:
        call: Is told which one it is, from 0.
        count: How many are timed.
        device: "cuda" is waited for.
    """
    for i in range(WARM_UP):
        call(i)
    found: list[float] = []
    for i in range(count):
        wait_for(device)
        started_s = time.perf_counter()
        call(i)
        wait_for(device)
        found.append((time.perf_counter() - started_s) * 1_000)
    return found


def wait_for(device: str) -> None:
    """Until the device has done all that it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def p50_p99(found_ms: Sequence[float]) -> dict[str, float]:
    """As columns of a row."""
    return {"p50_ms": percentile(found_ms, 0.5), "p99_ms": percentile(found_ms, 0.99)}

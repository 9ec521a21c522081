"""What was swapped, measured in tokens and seconds, on its way to vLLM's /metrics."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.metrics import (
    KVConnectorPromMetrics,
    KVConnectorStats,
)

SECONDS: tuple[str, ...] = ("out_s", "in_s")
"""Spent on copies, of all workers together."""


class Stopwatch:
    """Seconds that copies take, in this process.

    On a GPU a copy is only begun when its call returns: there it is the time of the host.
    """

    def __init__(self) -> None:
        self._spent_s = dict[str, float].fromkeys(SECONDS, 0.0)

    @contextmanager
    def counting(self, name: str) -> Generator[None]:
        """Add what runs within to one of SECONDS."""
        began_s = time.perf_counter()
        yield
        self._spent_s[name] += time.perf_counter() - began_s

    def take(self) -> dict[str, float]:
        """The seconds since the last time."""
        spent_s, self._spent_s = self._spent_s, dict[str, float].fromkeys(SECONDS, 0.0)
        return spent_s


TOKENS = ("swapped_out", "swapped_in", "evicted", "recomputed")
"""Copied out at a preemption; copied back; given up for want of host memory; computed again."""


class SwapStats(KVConnectorStats):
    """Counts of one step: those of the scheduler in tokens, those of workers in seconds."""

    def reset(self) -> None:
        self.data = {}

    def aggregate(self, other: "SwapStats") -> "SwapStats":
        for name, value in other.data.items():
            self.data[name] = self.data.get(name, 0) + value
        return self

    def reduce(self) -> dict[str, int | float]:
        return {name: round(value, 3) for name, value in self.data.items() if value}

    def is_empty(self) -> bool:
        return not any(self.data.values())


class SwapPromMetrics(KVConnectorPromMetrics):
    """The same as counters of Prometheus.

    Under vLLM's prefix, by which it finds them again when an engine is made anew in a process.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        labels = self._labelnames
        self._tokens: Any = self._counter_cls(
            name="vllm:lengthwise_swap_tokens",
            documentation="Tokens of preempted requests: swapped_out, swapped_in, evicted from the "
            "host's memory, recomputed",
            labelnames=[*labels, "event"],
        )
        self._seconds: Any = self._counter_cls(
            name="vllm:lengthwise_swap_seconds",
            documentation="Seconds that workers spent on copying keys and values out and in",
            labelnames=[*labels, "direction"],
        )

    def observe(self, transfer_stats_data: dict[str, Any], engine_idx: int = 0) -> None:
        values = self.per_engine_labelvalues[engine_idx]
        for event in TOKENS:
            self._tokens.labels(*values, event).inc(transfer_stats_data.get(event, 0))
        for name in SECONDS:
            direction = name.removesuffix("_s")
            self._seconds.labels(*values, direction).inc(transfer_stats_data.get(name, 0.0))

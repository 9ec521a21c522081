"""A real service whose encoder is free: `python -m benchmarks.unary.free_service HOST PORT_FILE`.

The index gives a ready estimate, so that what is measured is all the rest: gRPC, validation, the
queue and its threads, messages, metrics.
"""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.record import RowKey
from lengthwise.index.search.recent import RecentRows
from lengthwise.index.summary import IndexSummary
from lengthwise.prediction import Neighbour
from predictor_service.cli import announcer
from predictor_service.config import read_config
from predictor_service.drift.promise import Promises
from predictor_service.process.lifecycle import run_process
from predictor_service.process.logs import set_up_logs
from predictor_service.serving_index.artifact_source import ArtifactSource

LEVELS = tuple(round(0.05 * i, 2) for i in range(1, 20))
READY = LengthEstimate(
    expected_tokens=120.0,
    quantile_levels=LEVELS,
    quantile_tokens=tuple(400.0 * level for level in LEVELS),
    confidence=0.7,
    basis="head",
    nearness=0.6,
    neighbours=tuple(Neighbour(f"row-{i}", 0.8, 100 + i, "vicuna-7b", "") for i in range(3)),
    model_known=True,
)


class FreeIndex:
    """Answers at no cost, whatever it is asked."""

    version = "free"
    recent: RecentRows | None = None

    def built_with(self, keys: Collection[RowKey]) -> Collection[RowKey]:
        """No row."""
        del keys
        return ()

    def longest_tokens(self, model: str) -> int | None:
        """Not known."""
        del model

    def answered_first(self, queries: Sequence[Query]) -> list[LengthEstimate | None]:
        """Nothing: there is no first tier."""
        return [None] * len(queries)

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Vectors of nothing."""
        return np.zeros((len(prompts), 1), np.float32)

    def search(self, vectors: FloatMatrix, queries: Sequence[Query]) -> None:
        """Nothing is looked for."""

    def estimate(self, hits: Any, queries: Sequence[Query]) -> list[LengthEstimate]:
        """The same for all."""
        del hits
        return [READY] * len(queries)

    def info(self) -> IndexSummary:
        """What an index of nothing holds."""
        return IndexSummary(
            version=self.version,
            schema_version=1,
            encoder="free",
            encoder_hash="0" * 64,
            dimension=1,
            metric="cosine",
            search="flat",
            rows=1,
            created_unix_s=0.0,
            models=(),
            quantile_levels=LEVELS,
        )


class FreeSource(ArtifactSource):
    """Where the free index comes from."""

    def load(self, version: str | None = None) -> FreeIndex:
        """Made, not read."""
        del version
        return FreeIndex()

    def promises(self, version: str) -> Promises:
        """None."""
        del version
        return Promises()


def main() -> None:
    """Serve until told to stop."""
    host, port_file = sys.argv[1:]
    flags = {"index": str(Path(port_file).parent), "host": host, "port": "0"}
    # Nothing lies there, and nothing is looked for: the port's file is all that the folder is for.
    flags |= {"port_file": port_file, "index_poll_s": "0", "cache_capacity": "0"}
    config = read_config(flags | {"log_level": "warning"})
    set_up_logs(config)
    source = FreeSource(config.index, threads=config.compute_threads, lanes=config.lanes)
    run_process(config, source, on_ready=announcer(config))


if __name__ == "__main__":
    main()

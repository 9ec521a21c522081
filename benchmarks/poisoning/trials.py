"""Three ways in for absurd lengths: the reports that count at once, a build, a rebuild."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness.workloads import RecordList
from index_builder.build.builder import build_index
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import RoundOutcome
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.round import Rebuild
from lengthwise.history.database.completion import Report
from lengthwise.history.database.place import Place
from lengthwise.history.database.writer import HistoryWriter
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store import Published
from predictor_service.serving_index.live_rows import LiveLearner

HONEST, STRANGER = "token engine", "token stranger"
"""Names of the callers, as the service gives them."""

ABSURD_TOKENS = (80_000, 100_000)
"""Lengths that the stranger reports lie between these."""

ASKED_AT_A_TIME = 128
"""As many as a micro-batch of the service takes."""

LEARNING_PAUSE_S = 0.05
"""Between two looks at whether all reports are learnt."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of prompts that only the honest caller asks about.

    Args:
        expected_tokens: Shape (prompts,): mean of each predicted distribution.
        median_tokens: Shape (prompts,).
        p90_tokens: Shape (prompts,).
    """

    expected_tokens: FloatArray
    median_tokens: FloatArray
    p90_tokens: FloatArray

    @classmethod
    def by(cls, index: LengthIndex, asked: Sequence[HistoryRecord]) -> "Told":
        """Ask an index."""
        queries = [Query(record.prompt, record.model, neighbour_count=0) for record in asked]
        found: list[LengthEstimate] = []
        for start in range(0, len(queries), ASKED_AT_A_TIME):
            found += index.predict(queries[start : start + ASKED_AT_A_TIME])
        return cls(
            np.array([one.expected_tokens for one in found]),
            np.array([one.median_tokens for one in found]),
            np.array([one.quantile(0.9) for one in found]),
        )

    def facts(self, asked: Sequence[HistoryRecord], clean: "Told") -> dict[str, Any]:
        """As a row of the report, beside what was said before there was a stranger."""
        truth = np.array([record.output_tokens for record in asked], float)
        return {
            "mae": float(np.abs(self.median_tokens - truth).mean()),
            "expected": float(self.expected_tokens.mean()),
            "p90": float(np.median(self.p90_tokens)),
            "expected_doubled": float((self.expected_tokens > 2 * clean.expected_tokens).mean()),
            "p90_doubled": float((self.p90_tokens > 2 * clean.p90_tokens).mean()),
        }


def absurd(records: Sequence[HistoryRecord], seed: int) -> list[HistoryRecord]:
    """The same prompts as the stranger reports them."""
    rng = random.Random(seed)
    return [
        replace(
            record,
            id=f"stranger-{i}",
            output_tokens=rng.randint(*ABSURD_TOKENS),
            caller=STRANGER,
            samples=(),
        )
        for i, record in enumerate(records)
    ]


def built(records: Sequence[HistoryRecord], folder: Path, encoder: Encoder) -> LengthIndex:
    """An index of some rows."""
    return LengthIndex.load(build_index(RecordList(records), folder, encoder).path, encoder=encoder)


def learn_live(index: LengthIndex, reports: Sequence[HistoryRecord]) -> LiveLearner:
    """Have reports counted at once, as the service does."""
    learner = LiveLearner(lambda: index, capacity_rows=len(reports))
    learner.learn(reports)
    while learner.learnt + learner.left_out < len(reports):
        time.sleep(LEARNING_PAUSE_S)
    return learner


def rebuild_with(
    live: Sequence[HistoryRecord],
    reports: Sequence[HistoryRecord],
    encoder: Encoder,
    folder: Path,
    **options: Any,
) -> tuple[RoundOutcome, LengthIndex, LengthIndex]:
    """One round of rebuilding after reports have come.

    Returns:
        What came of it, the version before and the version after.
    """
    store, history = folder / "store", str(folder / "history.db")
    before = built(live, store, encoder)
    writer = HistoryWriter.open(Place.parse(history))
    writer.append([Report(reports)])
    writer.close()
    place = Published.at(str(store))
    job = Rebuild(history=history, place=place, options=RebuildOptions(**options))
    outcome = job.run(RoundProgress())
    return outcome, before, LengthIndex.load(store, encoder=encoder)


def temporary_folder() -> TemporaryDirectory[str]:
    """Of a trial's own."""
    return TemporaryDirectory(prefix="lengthwise-bench-")

"""Versions of an index whose answers tell them apart, and what each must answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.template_workload import template_records
from benchmarks.workloads import RecordList
from index_builder.build.builder import build_index
from index_builder.build.train_and_build import train_and_build
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Encoder
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from scheduler_client import Prediction

FACTORS = {"a": 1.0, "b": 3.0, "c": 9.0}
"""How long each version's answers are, so that no two answer alike."""

TRAINED = "c"
"""The one with an encoder of its own; the others share theirs."""

TOLERANCE = 0.25
"""A prompt's vector depends a little on what it is encoded with, in bfloat16, and the mean length
with it; versions differ by a factor of three."""

NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """What one version must answer.

    Args:
        rows: Length by the id of each row that it was built from.
        tokens: Expected length by prompt.
    """

    rows: dict[str, int]
    tokens: dict[str, float]

    def faults(self, prompt: str, prediction: Prediction) -> str:
        """What is wrong with an answer; empty if nothing is."""
        for near in prediction.neighbours:
            if self.rows.get(near.id) != near.output_tokens:
                return f"neighbour {near.id} with {near.output_tokens} tokens is none of its rows"
        if len(prediction.neighbours) != NEIGHBOURS:
            return f"{len(prediction.neighbours)} neighbours instead of {NEIGHBOURS}"
        wanted = self.tokens[prompt]
        if not abs(prediction.expected_tokens - wanted) <= max(2.0, TOLERANCE * wanted):
            return f"{prediction.expected_tokens:.0f} tokens instead of {wanted:.0f}"
        return ""


def build_versions(
    store: Path, rows: int, prompts: Sequence[str], encoder: Encoder
) -> dict[str, Expected]:
    """Build the versions and ask each what it answers.

    Args:
        store: Made there.
        rows: Of each version.
        prompts: That will be asked.
        encoder: The one that ships.

    Returns:
        What is to be expected, by the version's name.
    """
    found: dict[str, Expected] = {}
    for name, factor in FACTORS.items():
        history = RecordList(_records(name, factor, rows))
        if name == TRAINED:
            options = TrainOptions(epochs=1)
            built = train_and_build(history, store, DEFAULT_ENCODER, train_options=options)
        else:
            built = build_index(history, store, encoder)
        index = LengthIndex.load(built.path, encoder=None if name == TRAINED else encoder)
        estimates = index.predict([Query(prompt) for prompt in prompts])
        found[index.version] = Expected(
            {record.id: record.output_tokens for record in history.records},
            {p: e.expected_tokens for p, e in zip(prompts, estimates, strict=True)},
        )
    return found


def _records(name: str, factor: float, rows: int) -> list[HistoryRecord]:
    """The same prompts in each version, under ids and with lengths of its own."""
    return [
        replace(
            record,
            id=f"{name}-{i}",
            output_tokens=round(record.output_tokens * factor),
            samples=(),
        )
        for i, record in enumerate(template_records(rows))
    ]

"""Fits baselines on the very rows that an index holds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from index_builder.baselines.registry import BASELINES, Baseline, BaselineSetting
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.manifest import Manifest

BASELINE_ROWS = 100_000
"""Of a larger index baselines learn from a sample of so many rows, to fit into memory."""


@dataclass(frozen=True, slots=True)
class FittedBaselines:
    """Baselines ready to predict.

    Args:
        baselines: In the order of the names that were asked for.
        missing: Why there are none although some were asked for; "" otherwise.
    """

    baselines: tuple[Baseline, ...] = ()
    missing: str = ""


def fit_baselines(
    index: LengthIndex,
    names: Sequence[str],
    *,
    seed: int = 0,
    on_stage: Callable[[str], None] = lambda _: None,
) -> FittedBaselines:
    """Fit baselines on an index's own rows and vectors.

    Args:
        index: What they will be held against.
        names: Of baselines in the registry.
        seed: Decides what is random in them, and which rows of a large index they see.
        on_stage: Told "Fitting NAME" when one begins.
    """
    if not names:
        return FittedBaselines()
    if not index.manifest.keeps_text:
        return FittedBaselines(
            missing=f"{', '.join(names)} left out: they learn from prompts, and this index was "
            "built without them (--no-keep-text)"
        )
    sample = _sample(index.rows, seed)
    if not len(sample):
        return FittedBaselines(
            missing=f"{', '.join(names)} left out: they learn from prompts, and all rows of this "
            "index are vectors without them"
        )
    setting = BaselineSetting(_base_encoder(index.manifest), seed)
    baselines = tuple(BASELINES[name](setting) for name in names)
    records = list(index.rows.take(sample.tolist()).records())
    vectors = _vectors(index, sample)
    for baseline in baselines:
        on_stage(f"Fitting {baseline.name}")
        baseline.fit(records, vectors)
    return FittedBaselines(baselines)


def _base_encoder(manifest: Manifest) -> str:
    """The encoder of an index as it was before it was trained on lengths, if it was."""
    return manifest.encoder.name if manifest.training is None else manifest.training.base


def _sample(rows: HistoryRows, seed: int) -> IntVector:
    """Places of all rows with text, or of a sample of them, in their order."""
    places = np.flatnonzero(rows.with_text)
    if len(places) <= BASELINE_ROWS:
        return places
    return np.sort(np.random.default_rng(seed).choice(places, BASELINE_ROWS, replace=False))


def _vectors(index: LengthIndex, sample: IntVector) -> FloatMatrix:
    """Stored vectors of some rows, given in ascending order."""
    return np.concatenate(list(_chosen(index.stored_vectors(), sample)))


def _chosen(pieces: Iterator[FloatMatrix], sample: IntVector) -> Iterator[FloatMatrix]:
    start = 0
    for piece in pieces:
        inside = sample[(sample >= start) & (sample < start + len(piece))]
        yield np.asarray(piece[inside - start], np.float32)
        start += len(piece)

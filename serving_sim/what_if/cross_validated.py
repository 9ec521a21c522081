"""A user's own log as a workload: every length predicted by an index that has not seen it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import kendalltau

from index_builder.build.builder import BuildOptions, build_index
from lengthwise.history.split import is_held_out
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.encoder_wrapper import KnownVectors
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.length_distribution import LengthDistribution
from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.requests import Distributions, FloatArray

CHARS_PER_TOKEN = 4.0
"""Of English prose: a log rarely says how long its prompts are."""

MIN_ROWS = 300
"""Rows: an index of two thirds of fewer says little, and a fold is then under a hundred."""


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """A log's lengths, and what would have been predicted of each.

    Args:
        lengths: True lengths; prompts by their characters.
        predicted_tokens: Shape (rows,): expected length by the index of the other folds.
        distributions: Of the predicted lengths, by row.
        kendall_tau_b: Rank correlation of predicted and true lengths.
    """

    lengths: LengthTable
    predicted_tokens: FloatArray
    distributions: Distributions
    kendall_tau_b: float


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows to build from."""

    records: Sequence[HistoryRecord]

    def __iter__(self) -> Iterator[HistoryRecord]:
        return iter(self.records)

    @property
    def fingerprint(self) -> str:
        """Of rows that are forgotten with their index: what tells them apart is their number."""
        return f"what-if {len(self.records)}"


def cross_validated(
    records: Sequence[HistoryRecord],
    encoder: Encoder,
    *,
    folds: int = 3,
    on_progress: Callable[[int], None] = lambda _: None,
) -> CrossValidated:
    """Predict each fold from an index of the others; prompts of one group stay together.

    Args:
        records: Rows of the log; those cut off or without a length are left out.
        encoder: Makes the vectors; asked once for each prompt.
        folds: Number of folds, at least 2.
        on_progress: Called with the number of prompts encoded since the last call.

    Raises:
        InvalidWorkloadError: If there are too few rows or folds.
    """
    usable = [record for record in records if record.output_tokens > 0 and not record.censored]
    if len(usable) < MIN_ROWS or folds < 2:
        raise InvalidWorkloadError(
            f"{len(usable)} usable rows and {folds} folds: expected at least {MIN_ROWS} answers of "
            "known length, and 2 folds"
        )
    known = KnownVectors.from_prompts(encoder, (record.prompt for record in usable), on_progress)
    estimates: dict[int, LengthEstimate] = {}
    for fold in range(folds):
        asked = [i for i, record in enumerate(usable) if _fold_of(record, folds) == fold]
        inside = set(asked)
        learnt = [record for i, record in enumerate(usable) if i not in inside]
        answers = _predicted(learnt, [usable[i] for i in asked], known)
        estimates.update(zip(asked, answers, strict=True))
    return _joined(usable, [estimates[i] for i in range(len(usable))])


def _fold_of(record: HistoryRecord, folds: int) -> int:
    return next(k for k in range(folds) if k == folds - 1 or is_held_out(record, (k + 1) / folds))


def _predicted(
    learnt: Sequence[HistoryRecord], asked: Sequence[HistoryRecord], encoder: Encoder
) -> list[LengthEstimate]:
    with TemporaryDirectory(prefix="lengthwise-") as folder:
        built = build_index(_Part(learnt), Path(folder), encoder, BuildOptions(keep_text=False))
        index = LengthIndex.load(built.path, encoder=encoder)
        return index.predict([Query.from_record(record) for record in asked])


def _joined(
    records: Sequence[HistoryRecord], estimates: Sequence[LengthEstimate]
) -> CrossValidated:
    outputs = np.array([record.output_tokens for record in records], np.int64)
    inputs = [max(1, round(len(record.prompt) / CHARS_PER_TOKEN)) for record in records]
    predicted = np.array([estimate.expected_tokens for estimate in estimates])
    distributions = [
        LengthDistribution.from_quantiles(one.quantile_levels, one.quantile_tokens)
        for one in estimates
    ]
    tau = float(np.asarray(kendalltau(predicted, outputs))[0])
    table = LengthTable(outputs, np.array(inputs, np.int64))
    return CrossValidated(
        table, predicted, Distributions(distributions, np.arange(len(distributions))), tau
    )

"""What is learnt: the lengths of a history, as numbers and as probabilities of bins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import BoolVector, FloatMatrix
from lengthwise.index.length_scale import FloatArray, to_log
from lengthwise.index.record import HistoryRecord

SMOOTHING_BINS = 1.0
"""Standard deviation by which an observed bin is spread over its neighbours: a length that falls
just beside an edge is no other length (as in Imani and White 2018, arXiv 1806.04613)."""


def draws_of(record: HistoryRecord) -> FloatArray:
    """All lengths known of a prompt, on the log scale."""
    return to_log(np.array([record.output_tokens, *record.samples], float))


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of the length on the log scale, about equally full.

    Args:
        edges: Shape (bins + 1,), ascending.
        middles: Shape (bins,): the median of what fell into each.
    """

    edges: FloatArray
    middles: FloatArray

    @classmethod
    def fit(cls, values: FloatArray, count: int) -> "Bins":
        """At most `count` bins of these values; fewer where many are equal."""
        edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)))
        if len(edges) < 3:
            edges = np.array([edges[0] - 0.5, edges[0], edges[-1] + 0.5])
        return cls.from_edges(edges, values)

    @classmethod
    def from_edges(cls, edges: FloatArray, values: FloatArray) -> "Bins":
        """Bins that are given, each with the median of those values that fall into it."""
        where = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
        middles = (edges[:-1] + edges[1:]) / 2
        for b in np.unique(where):
            middles[b] = np.median(values[where == b])
        return cls(edges, middles)

    def __len__(self) -> int:
        return len(self.middles)

    def place(self, values: FloatArray) -> NDArray[np.int64]:
        """The bin of each value; beyond the ends, the outermost."""
        return np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, len(self) - 1)

    def histogram(self, values: FloatArray) -> FloatArray:
        """Share of some values in each bin, smoothed: shape (bins,), sum 1."""
        distance = np.arange(len(self)) - self.place(values)[:, None]
        kernel = np.exp(-0.5 * (distance / SMOOTHING_BINS) ** 2)
        return (kernel / kernel.sum(axis=1, keepdims=True)).mean(axis=0)


@dataclass(frozen=True, slots=True)
class LengthTargets:
    """Targets of many rows.

    Args:
        centre: Shape (rows,): log of the mean length of a prompt's draws.
        histogram: Shape (rows, bins): where its draws fell; of a censored row, 1 in every bin that
            its length may still be in.
        censored: Shape (rows,): the true length was longer.
    """

    centre: FloatMatrix
    histogram: FloatMatrix
    censored: BoolVector

    @classmethod
    def from_records(
        cls, records: Sequence[HistoryRecord], offsets: FloatArray, bins: Bins
    ) -> "LengthTargets":
        """Targets of records.

        Args:
            records: The rows whose lengths are to be learnt.
            offsets: Shape (rows,): what is usual for each row's LLM, taken off on the log scale.
            bins: Of the lengths without it.
        """
        histogram = np.zeros((len(records), len(bins)), np.float32)
        centre = np.zeros(len(records), np.float32)
        for i, record in enumerate(records):
            draws = draws_of(record)
            centre[i] = np.log1p(np.expm1(draws).mean()) - offsets[i]
            shifted = draws - offsets[i]
            if record.censored:
                histogram[i, bins.place(shifted[:1])[0] :] = 1
            else:
                histogram[i] = bins.histogram(shifted)
        return cls(centre, histogram, np.array([r.censored for r in records], bool))

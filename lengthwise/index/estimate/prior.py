"""How long an LLM's answers are when nothing is known of the prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import IntVector
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.length_scale import FloatArray, to_log, to_tokens
from lengthwise.index.search.rows import HistoryRows

ATOMS = 65
"""Equally likely lengths that stand for a distribution: more say nothing that smearing leaves."""

SHRINKAGE_ROWS = 20
"""An LLM with this many rows is believed half, the pool of all LLMs the other half."""


@dataclass(frozen=True, slots=True)
class LengthPrior:
    """Typical lengths of all LLMs together and of each, on the log scale.

    Args:
        pooled: Shape (ATOMS,): equally likely lengths over all rows, ascending.
        by_model: Shape (models, ATOMS): the same for each LLM.
        offsets: Shape (models,): how far each LLM's median lies from the pooled one.
    """

    pooled: FloatArray
    by_model: FloatArray
    offsets: FloatArray

    @classmethod
    def from_rows(cls, rows: HistoryRows) -> "LengthPrior":
        """The priors of a history; LLMs with few rows lean on the pool.

        A prompt that was asked again and again counts once, with the lengths of all its answers.
        """
        pooled = _atoms(rows, np.arange(len(rows)))
        centre = np.median(pooled)
        members = [np.flatnonzero(rows.model_codes == m) for m in range(len(rows.models))]
        own = [_atoms(rows, m) if m.size else pooled for m in members]
        distinct = [float((1 / rows.repeat_counts[m]).sum()) for m in members]
        trust = np.array([count / (count + SHRINKAGE_ROWS) for count in distinct])
        offsets = trust * np.array([np.median(atoms) - centre for atoms in own])
        by_model = trust[:, None] * np.stack(own) + (1 - trust)[:, None] * (
            pooled + offsets[:, None]
        )
        return cls(pooled, by_model, offsets)

    def atoms(self, model_codes: IntVector) -> FloatArray:
        """Prior of each query, shape (queries, ATOMS); codes without a prior take the pool."""
        own = self._has_own(model_codes)
        return np.where(own[:, None], self.by_model[np.where(own, model_codes, 0)], self.pooled)

    def quantile(self, model_codes: IntVector, level: float) -> FloatArray:
        """Quantile of each query's prior, in tokens, shape (queries,)."""
        return to_tokens(self.atoms(model_codes)[:, round(level * (ATOMS - 1))])

    def offset(self, model_codes: IntVector) -> FloatArray:
        """Offset of each code, 0 for those without a prior."""
        own = self._has_own(model_codes)
        return np.where(own, self.offsets[np.where(own, model_codes, 0)], 0.0)

    def _has_own(self, model_codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """False for -1, and for LLMs that came after the build."""
        return (model_codes >= 0) & (model_codes < len(self.offsets))


def _atoms(rows: HistoryRows, members: IntVector) -> FloatArray:
    lengths = to_log(rows.output_tokens[members])[None, :]
    weights = 1 / rows.repeat_counts[members][None, :]
    cdf = WeightedCdf.from_observations(lengths, weights, rows.censored[members][None, :])
    return cdf.quantiles(np.linspace(0, 1, ATOMS)[None, :])[0]

"""What was answered to the very same prompts, beside the rows that a search finds."""

from dataclasses import dataclass

import numpy as np

from lengthwise.index.arrays import BoolMatrix, BoolVector, IntMatrix
from lengthwise.index.length_scale import FloatArray


@dataclass(frozen=True, slots=True)
class RepeatedLengths:
    """Lengths of the very same prompts, answered by the LLM asked for.

    Args:
        log_lengths: Shape (queries, n), on the log scale; any value where there is none.
        censored: Same shape: the true length was longer.
        decodings: Same shape: how each answer's tokens were chosen, see `Decoding`.
        found: Same shape: there is one.
    """

    log_lengths: FloatArray
    censored: BoolMatrix
    decodings: IntMatrix
    found: BoolMatrix

    @property
    def any(self) -> BoolVector:
        """Shape (queries,): the prompt was asked before."""
        return np.asarray(self.found.any(axis=1))

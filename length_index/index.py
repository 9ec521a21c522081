"""A loaded index: what the service asks. (Interface; the body follows.)"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from length_index.estimate import LengthEstimate, Query

FloatMatrix = NDArray[np.float32]


class LengthIndex:
    """An artifact in memory, ready to predict."""

    version: str

    @classmethod
    def load(cls, path: Path) -> "LengthIndex":
        """Read and check the artifact."""
        raise NotImplementedError

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Shape (len(prompts), dimension), rows of unit length."""
        raise NotImplementedError

    def search(self, vectors: FloatMatrix, queries: Sequence[Query]) -> Any:
        """Nearest past prompts."""
        raise NotImplementedError

    def estimate(self, hits: Any, queries: Sequence[Query]) -> list[LengthEstimate]:
        """One estimate per query."""
        raise NotImplementedError

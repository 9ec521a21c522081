"""How the vectors of past prompts are searched."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

SearchKind = Literal["flat", "ivf"]

FLAT_ROWS = 5_000
"""Up to here every vector is compared. Beyond, cells are four times as fast and lose almost
nothing (`benchmarks.search`)."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How vectors are searched.

    Args:
        kind: "flat" compares with every vector; "ivf" with those of the nearest cells only, first
            by 4-bit codes, then the best few by their full vectors.
        cells: Cells of the coarse quantiser; 0 for "flat".
        probes: Cells visited per query; 0 for "flat".
        refinement: Candidates compared again per neighbour asked for; 0 for "flat".
        measured_recall: Share of the true 32 nearest that were found, measured at the build on
            rows of the index that lie far from the others; 1 for "flat".
    """

    kind: SearchKind = "flat"
    cells: int = 0
    probes: int = 0
    refinement: int = 0
    measured_recall: float = 1.0

    @classmethod
    def for_size(cls, rows: int) -> "SearchPlan":
        """The plan for an index of some size."""
        if rows <= FLAT_ROWS:
            return cls()
        cells = 2 ** round(np.log2(3 * np.sqrt(rows)))
        return cls("ivf", cells=int(cells), measured_recall=0.0)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

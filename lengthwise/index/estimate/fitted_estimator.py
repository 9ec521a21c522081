"""What a build stores beside vectors and rows: how neighbours are weighted, levels corrected."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lengthwise.index.estimate.calibration import Calibration
from lengthwise.index.estimate.retrieval import RetrievalEstimator, RetrievalParameters
from lengthwise.index.search.rows import HistoryRows


@dataclass(frozen=True, slots=True)
class FittedEstimator:
    """An estimator apart from its rows.

    Args:
        parameters: Weights of near rows, of the prior, of other LLMs' rows.
        calibration: How stated probabilities are corrected.
    """

    parameters: RetrievalParameters
    calibration: Calibration

    def estimator(self, rows: HistoryRows) -> RetrievalEstimator:
        """The estimator over some rows."""
        return RetrievalEstimator(rows, self.parameters, self.calibration.familiarity)

    def save(self, path: Path) -> None:
        """Write to a file (JSON).

        Raises:
            OSError: It cannot be written.
        """
        content = {
            "parameters": asdict(self.parameters),
            "calibration": self.calibration.to_dict(),
        }
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> "FittedEstimator":
        """Read what `save` wrote; an artifact's files are held against its manifest before."""
        content = json.loads(path.read_text("utf-8"))
        return cls(
            RetrievalParameters(**content["parameters"]),
            Calibration.from_dict(content["calibration"]),
        )

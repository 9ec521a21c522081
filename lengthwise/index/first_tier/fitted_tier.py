"""What is fitted of a first tier: what it is sure of, and how its probabilities are corrected."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.estimate.calibration import Calibration
from lengthwise.index.first_tier.doubt import Doubt


@dataclass(frozen=True, slots=True)
class FittedTier:
    """A first tier apart from its model.

    Args:
        doubt: Estimates how far the second tier would be from what it says.
        most: The greatest doubt that it answers with.
        calibration: How stated probabilities are corrected; near is what is little doubted.
    """

    doubt: Doubt
    most: float
    calibration: Calibration

    def save(self, path: Path) -> None:
        """Write to a file (JSON).

        Raises:
            OSError: It cannot be written.
        """
        content = {
            "doubt": asdict(self.doubt),
            "most": self.most,
            "calibration": self.calibration.to_dict(),
        }
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactAlteredError: The file is something else.
        """
        try:
            content = json.loads(path.read_text("utf-8"))
            doubt = Doubt(tuple(content["doubt"]["weights"]), float(content["doubt"]["bias"]))
            calibration = Calibration.from_dict(content["calibration"])
            return cls(doubt, float(content["most"]), calibration)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactAlteredError(f"{path} is not a fitted first tier: {error}") from error

"""What became of each prompt of a batch: a prediction, or the reason why there is none."""

from dataclasses import dataclass

from lengthwise.prediction import Prediction
from scheduler_client.errors import LengthPredictorError


@dataclass(frozen=True, slots=True)
class PredictionFailure:
    """Why one prompt among several was not predicted; the others were.

    Args:
        request_id: The caller's own id, given back.
        error: What a call for this prompt alone would have raised.
    """

    request_id: str
    error: LengthPredictorError


Outcome = Prediction | PredictionFailure

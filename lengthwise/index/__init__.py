"""From a prompt to a length distribution, by way of similar past prompts.

FAISS comes in with the first index and PyTorch with the first encoder, not with the import.
"""

from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Encoder, load_encoder
from lengthwise.index.errors import LengthIndexError
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.published import Published
from lengthwise.index.summary import IndexSummary, ModelSummary
from lengthwise.prediction import Neighbour

__all__ = [
    "DEFAULT_ENCODER",
    "Encoder",
    "HistoryRecord",
    "IndexSummary",
    "LengthEstimate",
    "LengthIndex",
    "LengthIndexError",
    "ModelSummary",
    "Neighbour",
    "Published",
    "Query",
    "load_encoder",
]

"""The core: from a prompt to a length distribution, by way of similar past prompts.

FAISS comes in with the first index and PyTorch with the first encoder, not with the import.
"""

from length_index.encoder import DEFAULT_ENCODER, Encoder, load_encoder
from length_index.errors import LengthIndexError
from length_index.estimate import LengthEstimate, Neighbour, Query
from length_index.index import LengthIndex
from length_index.record import HistoryRecord
from length_index.store import IndexStore
from length_index.summary import IndexSummary, ModelSummary

__all__ = [
    "DEFAULT_ENCODER",
    "Encoder",
    "HistoryRecord",
    "IndexStore",
    "IndexSummary",
    "LengthEstimate",
    "LengthIndex",
    "LengthIndexError",
    "ModelSummary",
    "Neighbour",
    "Query",
    "load_encoder",
]

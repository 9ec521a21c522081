"""FAISS, which is heavy, and absent from the base install."""

from typing import Any

from lengthwise.index.encoder.openmp import bound_spinning
from lengthwise.index.errors import MissingExtraError

ADD_ROWS = 65_536
"""Rows read and added at a time: 100 MB of vectors of 384 floats."""


def import_faiss() -> Any:
    """FAISS, for the CPU or with GPU support, whichever is installed."""
    bound_spinning()
    try:
        import faiss  # noqa: PLC0415  see above
    except ImportError as error:
        raise MissingExtraError.for_module("faiss", "index") from error
    return faiss

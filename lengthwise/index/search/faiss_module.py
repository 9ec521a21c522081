"""FAISS, which only the extra [index] brings."""

from typing import Any

from lengthwise.index.encoder.openmp import bound_spinning
from lengthwise.index.errors import MissingExtraError


def import_faiss() -> Any:
    """FAISS, for the CPU or with GPU support, whichever is installed.

    Raises:
        MissingExtraError: Neither is.
    """
    bound_spinning()
    try:
        import faiss  # noqa: PLC0415  heavy, and absent from the base install
    except ImportError as error:
        raise MissingExtraError.for_module("faiss", "index") from error
    return faiss

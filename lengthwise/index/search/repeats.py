"""Which rows of an index ask the same thing: a prompt asked a thousand times is one prompt."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lengthwise.index.arrays import BoolVector, IntVector


def repeat_codes(prompts: Any, model_codes: IntVector, decodings: IntVector) -> IntVector:
    """Give one code to rows that share prompt, LLM and decoding.

    Args:
        prompts: Arrow column of texts. Rows without one, of indexes that keep no text, are told
            apart: nothing says that they are the same.
        model_codes: Shape (rows,): the LLM that answered.
        decodings: Shape (rows,): how the answer's tokens were chosen.

    Returns:
        Shape (rows,).
    """
    # Offsets of 64 bits, since all prompts together may be over 2 GiB.
    texts: Any = prompts.cast(pa.large_string()).combine_chunks()
    encoded = (texts.chunk(0) if isinstance(texts, pa.ChunkedArray) else texts).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    index = pc.index  # pyright: ignore[reportAttributeAccessIssue]  absent from the stubs
    empty = index(encoded.dictionary, pa.scalar("", pa.large_string())).as_py()
    codes = np.where(codes == empty, len(codes) + np.arange(len(codes)), codes)
    for other in (model_codes, decodings):
        codes = codes * (int(other.max(initial=0)) + 2) + other + 1
    return codes


def repeat_counts(codes: IntVector) -> IntVector:
    """Give for each row how many rows have its code, itself among them; shape (rows,)."""
    _, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return counts[places.reshape(-1)]


def first_of_each(codes: IntVector) -> BoolVector:
    """Tell the first row of each code; shape (rows,)."""
    first = np.zeros(len(codes), bool)
    first[np.unique(codes, return_index=True)[1]] = True
    return first

"""How the tokens of an answer were chosen: all of the temperature that lengths depend on.

Sampled hotter or colder, an LLM's answers are as long on average: four draws of Vicuna at
temperatures 0, 0.3, 0.5 and 0.7 have 125.6, 125.1, 125.4 and 126.5 tokens. But at temperature 0 the
likeliest token is taken each time, and the same prompt gets nearly the same answer again.
"""

from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from lengthwise.index.arrays import IntVector


class Decoding(IntEnum):
    """How an answer's tokens are chosen."""

    UNKNOWN = -1
    SAMPLED = 0
    GREEDY = 1


def decoding_at(temperature: float | None) -> Decoding:
    """How an LLM decodes at a temperature; None means that it is not known."""
    if temperature is None:
        return Decoding.UNKNOWN
    return Decoding.GREEDY if temperature == 0 else Decoding.SAMPLED


def decodings_at(temperatures: Iterable[float | None]) -> IntVector:
    """The same of several answers, shape (answers,)."""
    return np.array([decoding_at(temperature) for temperature in temperatures], np.int64)

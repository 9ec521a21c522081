"""Lengths are compared on a log scale: twice as long is as far as half as long."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def to_log(tokens: NDArray[Any]) -> FloatArray:
    """log(1 + tokens), so that an empty answer has a place too."""
    return np.log1p(tokens)


def to_tokens(log_length: NDArray[Any]) -> FloatArray:
    """Inverse of `to_log`; what lies under the scale is an empty answer."""
    return np.expm1(np.maximum(log_length, 0))

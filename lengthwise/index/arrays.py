"""The array types of the core, named once, and how lines are reordered each by itself."""

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]
"""Two-dimensional, float32."""

FloatVector = NDArray[np.float32]
"""One-dimensional, float32."""

IntMatrix = NDArray[np.int64]
"""Two-dimensional, int64; -1 where there is no row."""

IntVector = NDArray[np.int64]
"""One-dimensional, int64."""

BoolMatrix = NDArray[np.bool_]
"""Two-dimensional."""

BoolVector = NDArray[np.bool_]
"""One-dimensional."""


def in_columns(columns: IntMatrix) -> tuple[IntMatrix, IntMatrix]:
    """What an array is indexed with to have of each line the columns given for that line.

    As np.take_along_axis has it, whose checks take a lone prompt several times as long.

    Args:
        columns: Shape (lines, n): the places to take, in the order wanted; of each line its own.
    """
    return np.arange(len(columns))[:, None], columns

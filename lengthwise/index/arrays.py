"""The array types of the core, named once."""

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

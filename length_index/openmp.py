"""How long idle OpenMP threads wait by spinning: a moment, then they sleep."""

import os

SPINS = "20000"
"""Some tens of microseconds: enough to catch the next of the hundred short steps of a forward
pass. By default they spin a thousand times longer; on cores that others use as well, that made a
forward pass up to fifteen times slower. Not spinning at all costs a quarter on a quiet machine."""


def bound_spinning() -> None:
    """Bound it, unless the environment says something else already.

    Must be called before PyTorch and FAISS are imported, whose OpenMP reads it once.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)

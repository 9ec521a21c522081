"""How idle threads wait: those of OpenMP spin for a moment, then sleep; OpenBLAS gets none."""

import os
from functools import cache

import numpy  # noqa: F401  # pyright: ignore[reportUnusedImport]  loads what is to be told
from threadpoolctl import ThreadpoolController

SPINS = "20000"
"""Some tens of microseconds: enough to catch the next of the hundred short steps of a forward
pass. By default they spin a thousand times longer; on cores that others use as well, that made a
forward pass up to fifteen times slower. Not spinning at all costs a quarter on a quiet machine."""

NUMPYS = "libscipy_openblas"
"""The library that NumPy and SciPy bring."""


def bound_spinning() -> None:
    """Bound it, unless the environment says something else already.

    Must be called before PyTorch and FAISS are imported, whose OpenMP reads it once.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        _one_thread_for_numpy()


@cache
def _one_thread_for_numpy() -> None:
    """Keep NumPy's products on the thread that asks for them.

    Its OpenBLAS wakes threads of its own for products of a tenth of a millisecond, which then spin
    for tens of milliseconds on the cores where the next forward pass is to run: a micro-batch with
    a trained head took 2.6 times as long. Nothing bounds that but to have none.
    """
    ThreadpoolController().select(prefix=NUMPYS).limit(limits=1)

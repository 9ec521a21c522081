"""Numbers in memory that engine core and sidecar share, so that neither asks the other.

Looking at memory is no system call: for one of those Python gives its lock away, and another thread
of the engine may keep it for milliseconds.
"""

import ctypes
import mmap
import os


class Counts(ctypes.Structure):
    """What the engine core counts, since its start; each is a metric, or one of its labels.

    Args:
        waited_prediction: Requests that had to wait and were ordered by a prediction.
        waited_typical: Requests that had to wait and were not.
        sidecar_unsent: Requests of whose end the sidecar was too slow to be told.
        internal_errors: Exceptions of Lengthwise's own that were swallowed.
        preemptions: Running requests that made room for a shorter one.
        step_seconds: That Lengthwise took of the engine's steps.
        steps: Steps of the engine that these seconds were taken of.
    """

    waited_prediction: float
    waited_typical: float
    sidecar_unsent: float
    internal_errors: float
    preemptions: float
    step_seconds: float
    steps: float
    _fields_ = (
        ("waited_prediction", ctypes.c_double),
        ("waited_typical", ctypes.c_double),
        ("sidecar_unsent", ctypes.c_double),
        ("internal_errors", ctypes.c_double),
        ("preemptions", ctypes.c_double),
        ("step_seconds", ctypes.c_double),
        ("steps", ctypes.c_double),
    )


class Board(ctypes.Structure):
    """A board of an engine, which its sidecars, one after another, see as well.

    Args:
        rings: Packets that sidecars have sent, counted after each: the core reads when it rises.
        counts: Written by the engine core alone.
        shown: As much of that as is in the metrics, by whichever sidecar.
        batch_limit: Requests that the live limit lets run at once, now; 0 without one.
        itl_s: Seconds between two tokens of a request, as it sees them of late.
    """

    rings: int
    counts: Counts
    shown: Counts
    batch_limit: float
    itl_s: float
    _fields_ = (
        ("rings", ctypes.c_uint64),
        ("counts", Counts),
        ("shown", Counts),
        ("batch_limit", ctypes.c_double),
        ("itl_s", ctypes.c_double),
    )

    @classmethod
    def at(cls, descriptor: int) -> "Board":
        """The board in memory made by `new_memory`, whoever made it."""
        return cls.from_buffer(mmap.mmap(descriptor, mmap.PAGESIZE))


def new_memory() -> int:
    """The descriptor of memory for a board, all of whose numbers are 0.

    Raises:
        OSError: If there is none.
    """
    descriptor = os.memfd_create("lengthwise-board")
    os.ftruncate(descriptor, mmap.PAGESIZE)
    return descriptor

"""Numbers in memory that engine core and sidecar share, so that neither asks the other."""

import mmap
import os


class Bell:
    """Rung by the sidecar after it has sent, looked at by the engine core before it reads.

    The engine core looks between any two steps, and mostly there is nothing. Asking the socket is a
    system call, for which Python gives its lock away, and another thread of the engine may keep it
    for milliseconds; looking at memory is none.

    Args:
        descriptor: Of memory made by `new`, inherited; it stays the caller's to close.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = memoryview(mmap.mmap(descriptor, mmap.PAGESIZE)).cast("Q")
        self.heard = 0
        """Rings that whoever reads has seen to."""

    @staticmethod
    def new() -> int:
        """The descriptor of memory for one.

        Raises:
            OSError: If there is none.
        """
        descriptor = os.memfd_create("lengthwise-bell")
        try:
            os.ftruncate(descriptor, mmap.PAGESIZE)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def ring(self) -> None:
        """A packet has been sent."""
        self._memory[0] += 1

    def show(self, number: int) -> None:
        """The metrics have come to a `Counted` with this number."""
        self._memory[1] = number

    @property
    def shown(self) -> int:
        """The number of the last that they have come to; 0 before the first."""
        return self._memory[1]

    @property
    def rings(self) -> int:
        """How often it rang: so many packets at least have been sent."""
        return self._memory[0]

"""A byte of memory that engine core and sidecar share: whether there is anything to read."""

import mmap
import os


class Bell:
    """Rung by one process after it has sent, looked at by another before it reads.

    The engine core looks between any two steps, and mostly there is nothing. Asking the socket is a
    system call, for which Python gives its lock away, and another thread of the engine may keep it
    for milliseconds; looking at memory is none.

    Args:
        descriptor: Of memory made by `new`, inherited; it stays the caller's to close.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, mmap.PAGESIZE)

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
        """Something has been sent."""
        self._memory[0] = 1

    def rung(self) -> bool:
        """Whether it rang since the last look.

        What is sent after this look rings again, so that whoever reads on True misses nothing.
        """
        if not self._memory[0]:
            return False
        self._memory[0] = 0
        return True

"""How far a reading is, for a progress bar."""

from dataclasses import dataclass


@dataclass
class BytePosition:
    """Bytes of a history's files that have been read, as they lie on disk (compressed).

    Args:
        finished_bytes: Of the files that are done.
        file_bytes: Of the file that is being read.
    """

    finished_bytes: int = 0
    file_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All that has been read."""
        return self.finished_bytes + self.file_bytes

    def finish_file(self, size: int) -> None:
        """Count the current file as read, with its size: a tail may have been left unread."""
        self.finished_bytes += size
        self.file_bytes = 0

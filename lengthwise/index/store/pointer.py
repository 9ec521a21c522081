"""The object CURRENT, and how it goes from one version to the next by compare-and-set.

S3 and its like      conditional writes: If-Match on the object's tag, If-None-Match for the first.
                     Two publishers at once: one wins, the other is told, whatever machines they are
                     on. A server that ignores these headers (MinIO before 2024) guards like the
                     last line.
memory://            a lock of this process, beyond which there is nothing to guard.
others               compared right before the write. Two publishers within those milliseconds: the
                     last one is current, both versions are whole, and none is told. Let one job
                     at a time publish there.
"""

import threading
from typing import Any, Protocol

LOCK = threading.Lock()
"""Of all places of this process."""

CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


class Pointer(Protocol):
    """Names the current version."""

    def read(self) -> str | None:
        """The current version; None if there is none yet."""
        ...

    def exchange(self, expected: str | None, version: str) -> bool:
        """Name another version, if the named one is still the expected.

        Returns:
            False if it is not; then nothing was changed.
        """
        ...


class ComparedPointer:
    """Reads, compares and writes; safe among the threads of this process.

    Args:
        filesystem: Of fsspec.
        path: Of the object in it.
    """

    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._path = path

    def read(self) -> str | None:
        """See `Pointer.read`."""
        try:
            return bytes(self._filesystem.cat_file(self._path)).decode().strip()
        except FileNotFoundError:
            return None

    def exchange(self, expected: str | None, version: str) -> bool:
        """See `Pointer.exchange`."""
        with LOCK:
            if self.read() != expected:
                return False
            self._filesystem.pipe_file(self._path, f"{version}\n".encode())
            return True


class ConditionalPointer(ComparedPointer):
    """Lets S3 compare, so that it holds among machines."""

    def exchange(self, expected: str | None, version: str) -> bool:
        """See `Pointer.exchange`."""
        # The tag first: if the object changes before it is read, the tag is the older one's.
        condition = self._condition()
        if self.read() != expected:
            return False
        try:
            self._filesystem.pipe_file(self._path, f"{version}\n".encode(), **condition)
        except OSError as error:
            if not _is_conflict(error):
                raise
            # A write whose answer was lost is sent again, and then conflicts with itself.
            return self.read() == version
        return True

    def _condition(self) -> dict[str, str]:
        try:
            return {"IfMatch": self._filesystem.info(self._path, refresh=True)["ETag"]}
        except FileNotFoundError:
            return {"IfNoneMatch": "*"}


def pointer_at(filesystem: Any, path: str) -> Pointer:
    """The pointer that suits a file system."""
    protocols = filesystem.protocol
    names = {protocols} if isinstance(protocols, str) else set(protocols)
    kind = ConditionalPointer if names & {"s3", "s3a"} else ComparedPointer
    return kind(filesystem, path)


def _is_conflict(error: OSError) -> bool:
    response: dict[str, Any] = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code")) in CONFLICTS

"""Completions as lines of JSON in a file that several processes may append to.

Every commit holds an exclusive lock on the file, first reads what other processes have added since
its own last look, then writes its new rows in one call and syncs. So what a caller reports under an
id is stored once however many processes serve. Nobody is writing while the lock is held: a last
line without its end is a whole row that an editor or another tool left so, which gets its end, or
the leftover of a writer that died, which is cut off.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from lengthwise.index.record import HistoryRecord, RowKey
from predictor_service.completions.completion_store import Stored, to_line
from predictor_service.errors import CallError, InternalFailureError, OverloadedError, StartUpError

log = structlog.get_logger(__name__)

READ_CHUNK_BYTES = 2**20
"""Of an existing file at a time: a file may be larger than the memory."""

LINE_START = b'{"id": '
"""How every line that this module writes begins: anything else is somebody else's file."""


DIGEST_BYTES = 8
"""Of each line, kept to tell a report that is repeated from one that differs: one of 10^19 that
differ would be taken for the same."""


class CompletionFile:
    """The file, its lock and the ids in it. Blocking: one thread at a time.

    Args:
        path: The file, made if it does not exist; its folder must.

    Raises:
        StartUpError: The file cannot be opened or read, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[RowKey, bytes] = {}
        self._end = 0
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            _sync_folder(path.parent)
            with self._locked():
                self._catch_up()
        except (OSError, ValueError) as error:
            raise StartUpError(
                f"--completions {path} cannot be used: expected a file of completions, new or "
                f"from an earlier run; {error}"
            ) from error

    def append(self, reports: Sequence[Sequence[HistoryRecord]]) -> list[Stored]:
        """Write the new rows of several reports with one sync.

        Returns:
            What became of each report; on return all of it is on disk.

        Raises:
            CallError: Nothing was written.
        """
        try:
            return self._append(reports)
        except (OSError, ValueError) as error:
            raise refusal(error) from error

    def close(self) -> None:
        os.close(self._fd)

    def _append(self, reports: Sequence[Sequence[HistoryRecord]]) -> list[Stored]:
        with self._locked():
            self._catch_up()
            lines: dict[RowKey, bytes] = {}
            outcomes = [self._sort(records, lines) for records in reports]
            if lines:
                self._write(b"".join(lines.values()))
            self._known.update({key: _digest(line) for key, line in lines.items()})
            return outcomes

    def _sort(self, records: Sequence[HistoryRecord], lines: dict[RowKey, bytes]) -> Stored:
        """Tell what of a report is new, and add it to the lines of this commit."""
        new: list[HistoryRecord] = []
        differing = 0
        for record in records:
            line = to_line(record)
            known = self._known.get(record.key)
            if known is None and record.key not in lines:
                lines[record.key] = line
                new.append(record)
            else:
                differing += (known or _digest(lines[record.key])) != _digest(line)
        return Stored(len(new), len(records) - len(new), tuple(new), differing)

    @contextmanager
    def _locked(self) -> Generator[None]:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _write(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            self._sync()
        except OSError:
            # Nothing of it was acknowledged, so nothing of it may stay.
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(data)

    def _sync(self) -> None:
        os.fsync(self._fd)

    def _catch_up(self) -> None:
        """Learn what was added since the last look, and see to a last line without an end."""
        size = os.fstat(self._fd).st_size
        if size < self._end:  # truncated or rotated by hand: what is there now counts
            self._known.clear()
            self._end = 0
        rest = b""
        position = self._end
        while position < size:
            chunk = os.pread(self._fd, min(READ_CHUNK_BYTES, size - position), position)
            if not chunk:
                break
            position += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._learn(line)
                self._end += len(line) + 1
        if rest:
            self._end_last_line(rest)

    def _end_last_line(self, rest: bytes) -> None:
        """Give a whole row its line end, and cut off what a writer that died left of one."""
        try:
            self._learn(rest)
        except ValueError:
            if not rest.startswith(LINE_START[: len(rest)]):
                raise
            os.ftruncate(self._fd, self._end)
            log.warning("torn last line cut off", file=str(self._path), bytes=len(rest))
        else:
            os.write(self._fd, b"\n")
            self._sync()
            self._end += len(rest) + 1

    def _learn(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            self._known[str(row.get("caller", "")), str(row["id"])] = _digest(line + b"\n")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError(
                f"the line at byte {self._end:,} is not a completion: expected a JSON object "
                "with an id"
            ) from None


def _digest(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=DIGEST_BYTES).digest()


def _sync_folder(folder: Path) -> None:
    """Make a newly created file's name survive a crash too."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def refusal(error: OSError | ValueError) -> CallError:
    """What a caller is told whose completions could not be written."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OverloadedError(
            f"completions cannot be stored: {os.strerror(error.errno)}; none of this report was "
            "kept, report it again later"
        )
    reason = error.strerror or error if isinstance(error, OSError) else error
    return InternalFailureError(
        f"completions cannot be stored: {reason}; none of this report was kept"
    )

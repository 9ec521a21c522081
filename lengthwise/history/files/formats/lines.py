"""Lines of a text file, plain or compressed, in bounded memory and with byte positions."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from lengthwise.history.files.errors import HistoryReadError, HistoryTruncatedError
from lengthwise.history.files.formats.base import BytePosition
from lengthwise.index.errors import MissingExtraError

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is not a row: the longest prompt allowed takes a quarter of it."""

_BUFFER_BYTES = 2**18
"""Read from the disk at a time."""

_ZSTD_BUFFER_BYTES = 2**14
"""What is lost before a cut: pyarrow gives a buffer whole or not at all."""

_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""First bytes of such streams."""


class _CountedFile(io.FileIO):
    """A file that tells how far it has been read."""

    def __init__(self, path: Path, position: BytePosition) -> None:
        super().__init__(path, "rb")
        self._position = position

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self._position.file_bytes += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self._position.file_bytes += count
        return count


def read_lines(path: Path, position: BytePosition) -> Iterator[bytes]:
    """Read the lines of a file, with their line ends; the compression is seen from the content.

    Raises:
        HistoryTruncatedError: When a compressed stream ends too early, after its whole lines.
        HistoryReadError: When the file cannot be read or decompressed, or a line has no end.
    """
    number = 0
    try:
        with _CountedFile(path, position) as file, _decompressed(file, path) as stream:
            while line := stream.readline(MAX_LINE_BYTES):
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    raise HistoryReadError(
                        path,
                        number + 1,
                        f"longer than {MAX_LINE_BYTES:,} bytes: expected one row in each line",
                        kind="endless line",
                    )
                number += 1
                yield line
    except EOFError as error:
        raise _truncated(path, number) from error
    except (zlib.error, OSError) as error:
        raise _unreadable(path, number, error, position) from error


def _decompressed(file: io.FileIO, path: Path) -> io.BufferedReader | gzip.GzipFile:
    """Wrap the file by what its first bytes say."""
    with path.open("rb") as start:
        magic = start.read(4)
    suffix = path.suffix.lower()
    if magic.startswith(_GZIP_MAGIC):
        # A further buffer around it would lose its last whole lines when the stream is cut off.
        return gzip.GzipFile(fileobj=io.BufferedReader(file, _BUFFER_BYTES))
    if magic == _ZSTD_MAGIC:
        return _zstd(file)
    if magic and suffix in {".gz", ".zst"}:
        raise HistoryReadError(path, None, f"is named {suffix} but does not begin as such a file")
    return io.BufferedReader(file, _BUFFER_BYTES)


def _zstd(file: io.FileIO) -> io.BufferedReader:
    try:
        import pyarrow as pa  # noqa: PLC0415 (slow, and only zstd needs it here)
    except ImportError as error:
        raise MissingExtraError.for_module("pyarrow", "index") from error
    stream: Any = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    return io.BufferedReader(cast("io.RawIOBase", stream), _ZSTD_BUFFER_BYTES)


def _truncated(path: Path, number: int) -> HistoryTruncatedError:
    cut = f"the compressed stream is cut off at byte {path.stat().st_size:,}, the end of the file"
    if not number:
        return HistoryTruncatedError(
            path, None, f"{cut}, before its first whole line", kind="cut-off file"
        )
    return HistoryTruncatedError(
        path, number, f"{cut}; this line was the last whole one read", kind="cut-off file"
    )


def _unreadable(
    path: Path, number: int, error: Exception, position: BytePosition
) -> HistoryReadError:
    if isinstance(error, OSError) and error.errno is not None:
        return HistoryReadError(path, None, f"cannot be read: {error.strerror}")
    if "truncated" in str(error).lower():  # pyarrow's word for a zstd frame without its end
        return _truncated(path, number)
    return HistoryReadError(
        path,
        number or None,
        f"the compressed stream is damaged, before byte {position.file_bytes:,}; "
        "this line was the last that could be read",
        kind="damaged file",
    )

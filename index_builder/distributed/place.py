"""Folders on this machine or behind a URL, as pyarrow opens them: s3://, gs://, hdfs://."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from lengthwise.index.errors import StoreError


def is_url(text: str) -> bool:
    """True for what names a place beyond this machine's folders."""
    return "://" in text


@dataclass(frozen=True)
class Place:
    """A folder that is read and written by names.

    Args:
        files: The file system that it lies in.
        root: Its path within the file system, without scheme.
        text: As the user named it.
    """

    files: fs.FileSystem
    root: str
    text: str

    @classmethod
    def at(cls, text: str) -> "Place":
        """The folder that a path or a URL means, whether it is there or not.

        Raises:
            StoreError: Nothing here reads URLs of that kind.
        """
        if not is_url(text):
            return cls(fs.LocalFileSystem(), str(Path(text).expanduser().absolute()), text)
        try:
            files, root = fs.FileSystem.from_uri(text)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise StoreError(
                f"{text} cannot be opened: expected a folder, or a URL that pyarrow reads, such as "
                f"s3://bucket/prefix; {error}"
            ) from error
        return cls(files, root.rstrip("/"), text)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Path and bytes of each file in it and below, or of itself if it is a file; sorted."""
        info = self.files.get_file_info(self.root)
        if info.type == fs.FileType.File:
            yield self.root, info.size
            return
        found = self.files.get_file_info(
            fs.FileSelector(self.root, recursive=True, allow_not_found=True)
        )
        yield from sorted((i.path, i.size) for i in found if i.type == fs.FileType.File)

    def read(self, name: str) -> Any:
        """Content of a file, an Arrow buffer; None if it is not there."""
        try:
            with self.files.open_input_file(self._path(name)) as file:
                return file.read_buffer()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """True if a file is there."""
        return self.files.get_file_info(self._path(name)).type == fs.FileType.File

    @property
    def folder(self) -> Path | None:
        """The folder of this machine that it is; None if it lies elsewhere."""
        return Path(self.root) if isinstance(self.files, fs.LocalFileSystem) else None

    def open(self, name: str) -> Any:
        """A file of Arrow's to read parts of; None if it is not there."""
        try:
            return self.files.open_input_file(self._path(name))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: Any) -> None:
        """Write a file so that whoever reads it sees all of it or nothing.

        Args:
            name: Of the file, below the folder.
            content: Bytes or an Arrow buffer.

        Raises:
            StoreError: It cannot be written.
        """
        path = self._path(name)
        # Object stores show a file once it is whole; a folder shows it from its first byte on.
        aside = isinstance(self.files, fs.LocalFileSystem)
        target = f"{path}.{secrets.token_hex(4)}.tmp" if aside else path
        try:
            self.files.create_dir(path.rpartition("/")[0], recursive=True)
            with self.files.open_output_stream(target) as file:
                file.write(content)
            if aside:
                self.files.move(target, path)
        except OSError as error:
            raise StoreError(f"{self.text}: {name} cannot be written: {error}") from error

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

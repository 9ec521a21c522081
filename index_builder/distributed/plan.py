"""What is to be encoded, in which order: written first, so that every worker means the same."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from index_builder.build.encoded_rows import CHUNK_ROWS
from index_builder.distributed.place import Place, is_url
from lengthwise.history.files import ReadOptions
from lengthwise.history.files.errors import HistoryReadError
from lengthwise.history.files.formats import KNOWN_SUFFIXES
from lengthwise.history.files.sources import find_files
from lengthwise.index.encoder.encoder import Precision
from lengthwise.index.errors import InvalidInputError

PLAN_FORMAT = 1
"""Of plan.json, parts and what is told of files; raised when they are laid out anew."""

PLAN_FILE = "plan.json"
"""Beside the parts: whoever goes on with them does the same."""

MIN_STRIPE_BYTES = 1_000_000
"""A file is not shared out in smaller stripes: each worker that has one reads the whole file."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the history.

    Args:
        path: On every worker the same, or a URL that each can open.
        bytes: Its size when the plan was made: a file that grew is another one.
    """

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Stripe:
    """Every so many-th chunk of a file: the work that one worker takes at a time.

    Args:
        file: Number of the file in its plan.
        first: Number of its first chunk, counted within the file.
        every: From one chunk to the next.
    """

    file: int
    first: int = 0
    every: int = 1

    def has(self, chunk: int) -> bool:
        """True if a chunk of the file belongs to it."""
        return chunk % self.every == self.first


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """All that decides what the parts hold.

    Args:
        files: In the order of the history.
        reading: How their rows are read.
        encoder: Name or folder of the encoder, the same on every worker.
        precision: That it computes in; "auto" lets each worker take what suits it.
        keep_per_model: Rows of each LLM that are encoded, about; 0 for all.
        chunk_rows: Rows of a part at most.
    """

    files: tuple[SourceFile, ...]
    reading: ReadOptions
    encoder: str
    precision: Precision = "auto"
    keep_per_model: int = 0
    chunk_rows: int = CHUNK_ROWS

    @classmethod
    def from_sources(
        cls,
        sources: Sequence[str],
        reading: ReadOptions,
        encoder: str,
        *,
        precision: Precision = "auto",
        keep_per_model: int = 0,
    ) -> "EncodePlan":
        """Find the files of a history.

        Args:
            sources: Files, folders, globs, or URLs of files and folders.
            reading: How their rows are read.
            encoder: Name or folder of the encoder.
            precision: Of the numbers that the encoder computes with.
            keep_per_model: Rows of each LLM that are encoded, about; 0 for all.

        Raises:
            HistoryReadError: A source leads to no file.
            InvalidInputError: The options need the whole history in one process.
        """
        if reading.answers:
            raise InvalidInputError(
                "--answers joins two files row by row, which needs one process: build locally"
            )
        if keep_per_model < 0:
            raise InvalidInputError(
                f"--keep-per-model is {keep_per_model}: expected 0 (all) or more rows"
            )
        files = tuple(file for source in sources for file in _files_of(source))
        different = {file.path: file for file in files}
        return cls(tuple(different.values()), reading, encoder, precision, keep_per_model)

    def stripes(self, wanted: int) -> list[Stripe]:
        """Share the files out: large ones in stripes if the files alone are too few.

        Args:
            wanted: Pieces of work that there should be at least, where the files are large enough.
        """
        share = math.ceil(wanted / len(self.files))
        return [
            Stripe(number, first, every)
            for number, file in enumerate(self.files)
            for every in [max(1, min(share, file.bytes // MIN_STRIPE_BYTES))]
            for first in range(every)
        ]

    def to_json(self) -> bytes:
        """As it is written beside the parts."""
        content = {"format": PLAN_FORMAT, **asdict(self)}
        return (json.dumps(content, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes, where: str) -> "EncodePlan":
        """Read what `to_json` wrote.

        Args:
            text: What `to_json` wrote to the file of the plan.
            where: What to call it in an error.

        Raises:
            InvalidInputError: It is something else, or of another release.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            if content.pop("format") != PLAN_FORMAT:
                raise InvalidInputError(
                    f"{where} was written by another release of Lengthwise: encode again"
                )
            files = tuple(SourceFile(**file) for file in content.pop("files"))
            reading = ReadOptions(**content.pop("reading"))
            return cls(files=files, reading=reading, **content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(f"{where} is no plan of an encoding: {error!r}") from error

    def publish_to(self, place: Place) -> None:
        """Write it to the folder of the parts, or find that the same one is there.

        Raises:
            InvalidInputError: The folder holds the parts of something else.
            StoreError: It cannot be written.
        """
        there = place.read(PLAN_FILE)
        if there is None:
            place.write(PLAN_FILE, self.to_json())
            return
        other = EncodePlan.from_json(there.to_pybytes(), f"{place.text}/{PLAN_FILE}")
        if other != self:
            raise InvalidInputError(
                f"{place.text} holds parts of another encoding ({self._difference(other)}): give "
                "another folder, or remove it"
            )

    @classmethod
    def read_from(cls, place: Place) -> "EncodePlan":
        """The plan of a folder of parts.

        Raises:
            InvalidInputError: There is none.
        """
        there = place.read(PLAN_FILE)
        if there is None:
            raise InvalidInputError(
                f"{place.text} holds no {PLAN_FILE}: expected a folder that "
                "python -m index_builder encode has written"
            )
        return cls.from_json(there.to_pybytes(), f"{place.text}/{PLAN_FILE}")

    def _difference(self, other: "EncodePlan") -> str:
        ours, theirs = asdict(self), asdict(other)
        named = [name for name in ours if ours[name] != theirs[name]]
        return ", ".join(f"its {name} differ" for name in named)


def _files_of(source: str) -> list[SourceFile]:
    if not is_url(source):
        found = find_files(source).files
        return [SourceFile(str(path.absolute()), path.stat().st_size) for path in found]
    place = Place.at(source)
    try:
        sizes = list(place.sizes())
    except OSError as error:
        raise HistoryReadError(None, None, f"{source} cannot be read: {error}") from error
    known = [(path, size) for path, size in sizes if _is_history(path)]
    if not known:
        raise HistoryReadError(
            None, None, f"{source}: no file ends in {', '.join(KNOWN_SUFFIXES)}", kind="no file"
        )
    return [SourceFile(_url_of(source, place, path), size) for path, size in known]


def _is_history(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    return not name.startswith(("_", ".")) and name.endswith(tuple(KNOWN_SUFFIXES))


def _url_of(source: str, place: Place, path: str) -> str:
    """The URL of a file below a source; what stands after "?" says how to reach it."""
    parts = urlsplit(source)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path[len(place.root) :]))

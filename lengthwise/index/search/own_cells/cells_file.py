"""Cells of LLMs' own rows as an artifact has them: made at the build, mapped at a start.

Behind `MAGIC` there is for each LLM where its centres lie, how many rows each cell holds, and the
cells themselves as FAISS searches them: of each the codes in blocks, then the numbers of the rows.
A table of what lies where ends the file, so that it is written as the cells are made.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.mapped import read_ahead

MAGIC = b"LWCELLS1"
"""How such a file begins, with its version."""

ALIGNMENT = 64
"""Bytes of whose multiples every cell begins: FAISS compares so many codes at once and refuses
those that lie across. Arrow's files, which would need no format of our own, align to eight."""

BLOCK_ROWS = 32
"""Rows whose codes FAISS keeps together; of a cell's last block a part may be unused."""

LENGTH_BYTES = 8
"""Of the number that ends the file: bytes of the table before it."""


@dataclass(frozen=True, slots=True)
class StoredCells:
    """An LLM's own cells in a file.

    Args:
        path: The file, which is mapped once more when its cells are searched.
        centroids: Shape (cells, dimension): the cells' centres, mapped.
        sizes: Shape (cells,): rows in each.
        at: Byte of the file where the first cell begins.
        end: Byte of the file where the last one ends.
    """

    path: Path
    centroids: FloatMatrix
    sizes: IntVector
    at: int
    end: int

    def lists(self, code_bytes: int) -> Any:
        """The cells as inverted lists of FAISS, which read the file as they are searched.

        Args:
            code_bytes: What the code of one row takes.

        Raises:
            ArtifactAlteredError: Cells of such codes do not lie there.
        """
        faiss = import_faiss()
        ends = self.at + _ends(self.sizes, code_bytes)
        if ends[-1] != self.end:
            raise ArtifactAlteredError(
                f"{self.path} holds {self.end - self.at:,} bytes of cells where "
                f"{ends[-1] - self.at:,} are expected: build the index again"
            )
        found = faiss.OnDiskInvertedLists(len(self.sizes), code_bytes, str(self.path))
        found.read_only = True
        # By itself FAISS starts up to 32 threads in every search to read ahead, however few may
        # compute; what is searched often is in memory.
        found.prefetch_nthread = 0
        found.totsize = self.path.stat().st_size
        found.do_mmap()
        starts = np.concatenate([[self.at], ends[:-1]])
        capacities = _whole_blocks(self.sizes)
        cell = faiss.OnDiskOneList()
        found.lists.clear()
        for size, capacity, start in zip(
            self.sizes.tolist(), capacities.tolist(), starts.tolist(), strict=True
        ):
            cell.size, cell.capacity, cell.offset = size, capacity, start
            found.lists.push_back(cell)
        return found


class OwnCellsFile:
    """Own cells of several LLMs, by their names; only what is searched is read.

    Args:
        path: Of the file, which is mapped again for each LLM.
        content: All of it, mapped: shape (bytes,).
        dimension: How many numbers a vector has.
        places: Where the cells of each LLM lie.
    """

    def __init__(
        self, path: Path, content: Any, dimension: int, places: dict[str, dict[str, int]]
    ) -> None:
        self._path = path
        self._content = content
        self._dimension = dimension
        self._places = places

    @classmethod
    def open(cls, path: Path) -> "OwnCellsFile":
        """Map a file, which must not be written to from then on.

        It may be removed once the cells of every LLM that is searched were asked for.

        Raises:
            ArtifactAlteredError: It is no such file.
        """
        try:
            content = np.memmap(path, np.uint8, "r")
            end = len(content) - LENGTH_BYTES
            length = int.from_bytes(content[end:].tobytes(), "little")
            table = json.loads(content[max(0, end - length) : end].tobytes())
            found = cls(path, content, table["dimension"], table["models"])
        except (ValueError, KeyError, TypeError) as error:
            raise _no_such_file(path) from error
        if content[: len(MAGIC)].tobytes() != MAGIC:
            raise _no_such_file(path)
        read_ahead(path)
        return found

    def of(self, model: str, rows: int) -> StoredCells | None:
        """The cells of an LLM; None if the file has none of it.

        Args:
            model: Name of the LLM, as the rows have it.
            rows: How many it has in the index.

        Raises:
            ArtifactAlteredError: The file knows another number of its rows.
        """
        if model not in self._places:
            return None
        place = self._places[model]
        sizes_at = place["at"] + place["cells"] * self._dimension * np.dtype(np.float32).itemsize
        lists_at = sizes_at + place["cells"] * np.dtype(np.int64).itemsize
        sizes = self._content[sizes_at:lists_at].view("<i8")
        if int(sizes.sum()) != rows:
            raise ArtifactAlteredError(
                f"{self._path} holds {int(sizes.sum()):,} rows of {model!r}, the index {rows:,}: "
                "build the index again"
            )
        centroids = self._content[place["at"] : sizes_at].view("<f4").reshape(place["cells"], -1)
        return StoredCells(self._path, centroids, sizes, _aligned(lists_at), place["end"])


class OwnCellsWriter:
    """Writes such a file, an LLM after the other.

    Args:
        file: Open for writing, with nothing in it yet.
        dimension: How many numbers a vector has.
    """

    def __init__(self, file: BinaryIO, dimension: int) -> None:
        self._file = file
        self._dimension = dimension
        self._places: dict[str, dict[str, int]] = {}
        self._write(MAGIC)

    def add(self, model: str, coded: Any) -> None:
        """Write an LLM's cells.

        Args:
            model: Name of the LLM, which none had before.
            coded: IndexIVFPQFastScan of FAISS, whose rows have their numbers in the whole index.
        """
        faiss = import_faiss()
        lists = coded.invlists
        sizes = np.array([lists.list_size(i) for i in range(coded.nlist)], np.int64)
        centroids = coded.quantizer.reconstruct_n(0, coded.nlist)
        place = {"at": self._file.tell(), "cells": int(coded.nlist)}
        self._file.write(centroids.astype("<f4").data)
        self._write(sizes.astype("<i8").data)
        for number, rows in enumerate(_whole_blocks(sizes).tolist()):
            if rows:
                codes = faiss.rev_swig_ptr(lists.get_codes(number), rows * coded.code_size)
                self._file.write(codes.data)
                numbers = faiss.rev_swig_ptr(lists.get_ids(number), int(sizes[number]))
                self._write(numbers.astype("<i8").data)
        self._places[model] = place | {"end": self._file.tell()}

    def finish(self) -> None:
        """Write what lies where, without which the rest is no such file."""
        table = json.dumps({"dimension": self._dimension, "models": self._places}).encode()
        self._file.write(table + len(table).to_bytes(LENGTH_BYTES, "little"))

    def _write(self, content: Any) -> None:
        """Write, and go on where a cell may begin."""
        self._file.write(content)
        at = self._file.tell()
        self._file.write(bytes(_aligned(at) - at))


def _no_such_file(path: Path) -> ArtifactAlteredError:
    return ArtifactAlteredError(
        f"{path} does not hold LLMs' own cells as a build writes them: restore the file or build "
        "the index again"
    )


def _aligned(at: int) -> int:
    return -(-at // ALIGNMENT) * ALIGNMENT


def _whole_blocks(sizes: IntVector) -> IntVector:
    """Rows for which each cell has room."""
    return -(-sizes // BLOCK_ROWS) * BLOCK_ROWS


def _ends(sizes: IntVector, code_bytes: int) -> IntVector:
    """Bytes from the beginning of the first cell to the end of each, what is unused included."""
    used = _whole_blocks(sizes) * code_bytes + sizes * np.dtype(np.int64).itemsize
    return np.cumsum(-(-used // ALIGNMENT) * ALIGNMENT)

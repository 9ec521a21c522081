"""What is asked of vectors, wherever they lie and whatever searches them."""

from collections.abc import Iterator
from typing import Protocol

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.plan import SearchPlan


class RowSubset(Protocol):
    """Chosen rows, ready to be searched by themselves. Safe to use from several threads."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest of these rows for each query; see `VectorSearch.search`."""
        ...


class VectorSearch(Protocol):
    """Unit vectors, searched by inner product (cosine). Safe to use from several threads."""

    @property
    def plan(self) -> SearchPlan:
        """How they are searched."""
        ...

    def __len__(self) -> int:
        """How many there are."""
        ...

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest rows of each query, nearest first.

        Args:
            queries: Shape (queries, dimension), rows of unit length.
            k: How many are wanted of each, at least 1.

        Returns:
            Cosine similarities and row numbers, both of shape (queries, k); row -1 where fewer
            than k were found.
        """
        ...

    def subset(self, rows: IntVector, model: str | None = None) -> RowSubset:
        """Some rows, to be searched by themselves.

        What that needs may take a second to make: keep it.

        Args:
            rows: Numbers of the rows, ascending, at least one.
            model: The LLM whose rows they are, all that it has: what that needs may then have been
                made at the build. None of rows chosen otherwise.
        """
        ...

    def stored_vectors(self) -> Iterator[FloatMatrix]:
        """The vectors themselves, in pieces, in row order."""
        ...

"""The seam to the index: what the service asks of it, and where it comes from."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.record import RowKey
from lengthwise.index.search.recent import RecentRows
from lengthwise.index.store import Published
from lengthwise.index.summary import IndexSummary
from predictor_service.drift.promise import Promises


class ServedIndex(Protocol):
    """An index in memory. Its methods are called by several threads at a time."""

    @property
    def version(self) -> str:
        """Name of the version; two different indexes never share one."""
        ...

    recent: RecentRows | None
    """Rows that came after the build, which predictions take into account; None for none."""

    def built_with(self, keys: Collection[RowKey]) -> Collection[RowKey]:
        """Those of some keys that rows of the build have."""
        ...

    def longest_tokens(self, model: str) -> int | None:
        """The length that hardly an answer of an LLM exceeds; None where that is not known."""
        ...

    def answered_first(self, queries: Sequence[Query]) -> list[LengthEstimate | None]:
        """What a first tier answers at once, in order; None for what it passes on."""
        ...

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Vectors of prompts, shape (prompts, dimension)."""
        ...

    def search(self, vectors: FloatMatrix, queries: Sequence[Query]) -> Any:
        """Nearest past prompts, in whatever form `estimate` takes."""
        ...

    def estimate(self, hits: Any, queries: Sequence[Query]) -> list[LengthEstimate]:
        """One estimate per query, in order."""
        ...

    def info(self) -> IndexSummary:
        """What the index holds."""
        ...


class IndexSource(Protocol):
    """Reads the versions of a place into memory. All of it blocks."""

    @property
    def place(self) -> Published:
        """Where the versions lie, and which of them is current."""
        ...

    def fetch(self, version: str) -> object:
        """Bring a version to this machine, so that `load` finds it here.

        Raises:
            StoreError: There is no such version, or it cannot be read.
            ArtifactError: What is there is not what its manifest says.
        """
        ...

    def load(self, version: str | None = None) -> ServedIndex:
        """Read a version; None for the current one.

        Raises:
            ArtifactError: It cannot be used.
            StoreError: There is no such version, or it cannot be read.
        """
        ...

    def promises(self, version: str) -> Promises:
        """How well a version that was loaded is to predict, by its own evaluation."""
        ...

    def prepare_thread(self, *, wide: bool = False) -> None:
        """Set up the calling thread for computing, on all cores if `wide`, else on its share."""
        ...

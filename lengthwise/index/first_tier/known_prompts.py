"""Whether a prompt was answered before: told by its text alone, without a search.

What an LLM answered to the very same prompt says more than any model, so a repeat is the second
tier's.
"""

import hashlib
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import BoolVector
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.recent import RecentSnapshot

DIGEST_BYTES = 8
"""Of a prompt's digest: among ten million prompts no two share one but by a chance of 1 in 10^5,
and then a prompt goes to the second tier for nothing."""

Digests = NDArray[np.uint64]
"""One-dimensional, of prompts."""


class KnownPrompts:
    """The prompts of a build, by their digests: some eight bytes each, without their texts.

    Args:
        digests: Of the prompts, in any order, some more than once.
    """

    def __init__(self, digests: Digests) -> None:
        self.digests = np.unique(digests)
        """Of the prompts, ascending, each once."""

    @classmethod
    def from_prompts(cls, prompts: Iterable[str]) -> Self:
        """Of some texts; those of rows without one are left out."""
        return cls(digests_of(prompt for prompt in prompts if prompt))

    def __len__(self) -> int:
        return len(self.digests)

    def holds(self, prompts: Sequence[str]) -> BoolVector:
        """Which of some prompts are among them; shape (len(prompts),)."""
        if not len(self.digests):
            return np.zeros(len(prompts), bool)
        asked = digests_of(prompts)
        places = np.searchsorted(self.digests, asked)
        return self.digests[np.minimum(places, len(self.digests) - 1)] == asked

    def joined(self, others: "KnownPrompts") -> "KnownPrompts":
        """Those of both."""
        return KnownPrompts(np.concatenate([self.digests, others.digests]))

    def save(self, path: Path) -> None:
        """Write to a file (NumPy's npy).

        Raises:
            OSError: It cannot be written.
        """
        np.save(path, self.digests, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactAlteredError: The file is something else.
        """
        try:
            digests = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ArtifactAlteredError(f"{path} does not hold digests: {error}") from error
        if digests.dtype != np.uint64 or digests.ndim != 1:
            raise ArtifactAlteredError(f"{path} does not hold digests, but {digests.dtype}")
        return cls(digests)


def digests_of(prompts: Iterable[str]) -> Digests:
    """A digest of each prompt, the same in every process."""
    joined = b"".join(
        hashlib.blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
        for prompt in prompts
    )
    return np.frombuffer(joined, "<u8").astype(np.uint64)


class RecentPrompts:
    """The prompts of rows that came after the build. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._history: Sequence[HistoryRecord] = ()
        self._read = 0
        self._prompts: set[str] = set()

    def hold(self, snapshot: RecentSnapshot, prompts: Sequence[str]) -> BoolVector:
        """Which of some prompts are among the recent rows; shape (len(prompts),)."""
        with self._lock:
            if snapshot.history is not self._history:
                self._history, self._read, self._prompts = snapshot.history, 0, set()
            # The history only grows, and may go on beyond the snapshot.
            if len(snapshot) > self._read:
                new = self._history[self._read : len(snapshot)]
                self._prompts.update(record.prompt for record in new)
                self._read = len(snapshot)
            return np.array([prompt in self._prompts for prompt in prompts], bool)

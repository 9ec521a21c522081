"""Newest lengths by prompt, LLM and decoding, of rows that an index does not hold.

An index keeps a share of a long history. What was answered to the very same prompt is the best
evidence there is, and takes 16 bytes a row: a sorted column of hashes, mapped and searched by
halving. The rows of the index itself are not in it, so nothing counts twice.
"""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import BoolVector
from lengthwise.index.decoding import Decoding, decoding_at
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.length_scale import to_log
from lengthwise.index.repeats.repeated_lengths import RepeatedLengths

NEWEST = 8
"""Lengths kept of one prompt, LLM and decoding: as many as a rebuild keeps rows of one prompt."""

MAGIC = b"LWREPEA1"
"""How such a file begins, with its version; the number of lengths follows in eight bytes."""

HEADER_BYTES = 16
"""So that the columns behind it are aligned, which a search without a copy needs."""

DECODING_BITS = 2
"""Lowest of a key, so that the lengths of one prompt and LLM lie beside each other."""

CENSORED = 1 << 31
"""Bit of a length that was cut off: lengths themselves take 24 bits."""

VALUE = np.dtype([("tokens", "<u4"), ("caller", "<u4")])
"""A length with its bit, and the caller's hash, by which lengths can be taken out again."""

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RepeatTable:
    """Lengths by key, those of one key from the newest on.

    Args:
        keys: Shape (lengths,), ascending: see `repeat_key`.
        values: Shape (lengths,): tokens, and whose they are.
    """

    keys: Keys
    values: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def open(cls, path: Path) -> "RepeatTable":
        """Map a file; only what is looked up is read.

        Raises:
            ArtifactAlteredError: It is no such file.
        """
        empty = not path.stat().st_size
        content = np.zeros(0, np.uint8) if empty else np.memmap(path, np.uint8, "r")
        return cls.from_bytes(content, str(path))

    @classmethod
    def from_bytes(cls, content: NDArray[np.uint8], where: str) -> "RepeatTable":
        """A file's content.

        Raises:
            ArtifactAlteredError: It is not one; `where` is what to call it.
        """
        count = int.from_bytes(content[len(MAGIC) : HEADER_BYTES].tobytes(), "little")
        values_at = HEADER_BYTES + count * np.dtype(np.uint64).itemsize
        size = values_at + count * VALUE.itemsize
        if content[: len(MAGIC)].tobytes() != MAGIC or len(content) != size:
            raise ArtifactAlteredError(f"{where} is not a table of repeats as a build writes it")
        return cls(content[HEADER_BYTES:values_at].view("<u8"), content[values_at:].view(VALUE))

    def to_bytes(self) -> bytes:
        """As a file holds it."""
        return header(len(self)) + self.keys.astype("<u8").tobytes() + self.values.tobytes()

    def look_up(self, queries: Sequence[Query]) -> RepeatedLengths | None:
        """What the LLM asked for answered to the very same prompts; None if to none of them."""
        if not len(self):
            return None
        firsts = [repeat_key(query.prompt, query.model, Decoding.UNKNOWN) for query in queries]
        wanted = np.array(firsts, np.uint64)[:, None]
        places = np.searchsorted(self.keys, wanted) + np.arange(NEWEST * len(Decoding))
        known = self.keys[places.clip(max=len(self) - 1)]
        found = (places < len(self)) & (known >> DECODING_BITS == wanted >> DECODING_BITS)
        most = int(found.sum(axis=1).max(initial=0))
        if most == 0:
            return None
        found = found[:, :most]
        values = self.values[np.where(found, places[:, :most], 0)]
        decodings = (known[:, :most] & ((1 << DECODING_BITS) - 1)).astype(np.int64)
        return RepeatedLengths(
            to_log(values["tokens"] & (CENSORED - 1)),
            values["tokens"] >= CENSORED,
            decodings + Decoding.UNKNOWN,
            found,
        )

    def holds(self, queries: Sequence[Query]) -> BoolVector:
        """Which of some prompts the LLM asked for answered before; shape (len(queries),)."""
        if not len(self):
            return np.zeros(len(queries), bool)
        firsts = [repeat_key(query.prompt, query.model, Decoding.UNKNOWN) for query in queries]
        wanted = np.array(firsts, np.uint64)
        places = np.searchsorted(self.keys, wanted).clip(max=len(self) - 1)
        return self.keys[places] >> DECODING_BITS == wanted >> DECODING_BITS

    def between(self, low: int, high: int) -> "RepeatTable":
        """Those of keys from `low` on and below `high`."""
        first, last = (
            int(np.searchsorted(self.keys, np.uint64(end))) if end < 1 << 64 else len(self)
            for end in (low, high)
        )
        return RepeatTable(self.keys[first:last], self.values[first:last])

    def not_of(self, callers: Collection[str]) -> "RepeatTable":
        """Those that none of some callers reported."""
        if not callers:
            return self
        kept = ~self.reported_by(callers)
        return RepeatTable(self.keys[kept], self.values[kept])

    def reported_by(self, callers: Collection[str]) -> BoolVector:
        """Which lengths some callers reported, as far as their hashes tell; shape (lengths,)."""
        return np.isin(self.values["caller"], [caller_code(caller) for caller in callers])


def header(count: int) -> bytes:
    """How a file of so many lengths begins."""
    return MAGIC + count.to_bytes(HEADER_BYTES - len(MAGIC), "little")


def repeat_key(prompt: str, model: str, decoding: Decoding) -> int:
    """Hash of prompt and LLM in 62 bits, and in the lowest two how the answer was decoded.

    Of 10⁹ prompts asked before, a new one is taken for one with a chance of 2 in 10¹⁰.
    """
    text = f"{model}\0{prompt}".encode("utf-8", "surrogatepass")
    digest = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
    return digest >> DECODING_BITS << DECODING_BITS | (decoding - Decoding.UNKNOWN)


def caller_code(caller: str) -> int:
    """Number in 32 bits by which a caller's lengths can be taken out; 0 where it is not known."""
    return zlib.crc32(caller.encode("utf-8", "surrogatepass")) or 1 if caller else 0


def repeat_value(output_tokens: int, caller: str, *, censored: bool) -> tuple[int, int]:
    """A length as a table holds it."""
    return output_tokens | (CENSORED if censored else 0), caller_code(caller)


def key_at(prompt: str, model: str, temperature: float | None) -> int:
    """The key of an answer that was sampled at a temperature; None where that is not known."""
    return repeat_key(prompt, model, decoding_at(temperature))

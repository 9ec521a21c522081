"""Which rows are held out: decided by hashing, so that the same row always lands on one side."""

import hashlib
from collections.abc import Iterator

from lengthwise.history.records import RecordSource
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord


def is_held_out(record: HistoryRecord, share: float, seed: int = 0) -> bool:
    """True for about `share` of rows; all rows of one group, or of one prompt, together."""
    return _place(record, str(seed)) < share


def is_validation(record: HistoryRecord, share: float, seed: int = 0) -> bool:
    """The same for the rows that a training keeps apart.

    Another draw: a history whose test rows were taken out by `is_held_out` has none of those left.
    """
    return _place(record, f"validation {seed}") < share


def _place(record: HistoryRecord, salt: str) -> float:
    """Where a row's prompt or group falls in [0, 1)."""
    key = f"{salt} {record.group or record.prompt}".encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") / 2**64


class SplitHistory:
    """The part of a history on one side of a split.

    Args:
        history: All of it; read anew at each iteration.
        share: Of rows that are held out, in (0, 1).
        seed: Decides which rows are held out.
        held_out: The side that is meant: the rows held out, or the others.

    Raises:
        InvalidInputError: The share is out of range.
    """

    def __init__(self, history: RecordSource, share: float, seed: int, *, held_out: bool) -> None:
        if not 0 < share < 1:
            raise InvalidInputError(f"holdout is {share}: expected a share between 0 and 1")
        self._history = history
        self._share = share
        self._seed = seed
        self._held_out = held_out

    def __iter__(self) -> Iterator[HistoryRecord]:
        for record in self._history:
            if is_held_out(record, self._share, self._seed) == self._held_out:
                yield record

    @property
    def fingerprint(self) -> str:
        """That of the whole history."""
        return self._history.fingerprint

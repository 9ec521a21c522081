"""Which rows are held out: decided by hashing, so that the same row always lands on one side."""

import hashlib

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

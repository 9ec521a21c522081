"""Which rows are held out: decided by hashing, so that the same row always lands on one side."""

import hashlib

from length_index.record import HistoryRecord


def is_held_out(record: HistoryRecord, share: float, seed: int = 0) -> bool:
    """True for about `share` of rows; all rows of one group, or of one prompt, together."""
    key = f"{seed} {record.group or record.prompt}".encode()
    place = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
    return place < share * 2**64

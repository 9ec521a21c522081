"""What tells one history from another: a hash over the content of its records."""

import hashlib

from lengthwise.index.record import HistoryRecord


class RecordHash:
    """SHA-256 over records, in order; ids, groups and file names not counted.

    The same rows give the same hash from any format, and whoever read them.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, record: HistoryRecord) -> None:
        """Count a record in."""
        self._hash.update(_content(record))

    def hexdigest(self) -> str:
        """Hash of the records so far."""
        return self._hash.hexdigest()


def _content(record: HistoryRecord) -> bytes:
    """Write down what is learnt from a record, unambiguously: texts stand with their size."""
    # Left out where it is not known, so that older histories keep their fingerprints.
    known = "" if record.temperature is None else f"at {record.temperature} "
    return (
        f"{known}{record.output_tokens} {record.max_tokens} {record.finish_reason} "
        f"{record.samples} {len(record.model)} {record.model} "
        f"{len(record.prompt)} {record.prompt}\n"
    ).encode()

"""What is kept, and what is to go: decided over the oldest rows, in order."""

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the history is kept.

    Args:
        max_age_s: Rows older than this go; None keeps them however old.
        max_bytes: While the rows take more, the oldest go; None keeps them however many.
    """

    max_age_s: float | None = None
    max_bytes: int | None = None

    @property
    def limited(self) -> bool:
        """Whether anything ever goes."""
        return self.max_age_s is not None or self.max_bytes is not None

    def expired(self, oldest: Sequence["OldRow"], *, kept_bytes: int, now_unix_s: float) -> int:
        """How many of the oldest rows are to go.

        Args:
            oldest: Some of them, oldest first.
            kept_bytes: Of all rows, these and the younger.
            now_unix_s: By which their age is told.
        """
        for gone, row in enumerate(oldest):
            too_old = self.max_age_s is not None and row.stored_unix_s < now_unix_s - self.max_age_s
            too_much = self.max_bytes is not None and kept_bytes > self.max_bytes
            if not too_old and not too_much:
                return gone
            kept_bytes -= row.row_bytes
        return len(oldest)


@dataclass(frozen=True, slots=True)
class OldRow:
    """What retention must know of a row."""

    sequence: int
    stored_unix_s: float
    row_bytes: int

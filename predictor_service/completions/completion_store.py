"""Where reported completions go: the seam, the rows, and the store that keeps them in memory."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lengthwise.index.record import HistoryRecord, RowKey
from predictor_service.errors import OverloadedError


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a report.

    Args:
        stored: How many of its completions were stored.
        duplicates: How many were stored before, by caller and id.
        new: The completions that were stored, in the order of the report.
        differing: Those of the duplicates that say something else than what was stored.
    """

    stored: int
    duplicates: int
    new: tuple[HistoryRecord, ...] = ()
    differing: int = 0


class CompletionStore(Protocol):
    """Keeps completions, each id of a caller once."""

    @property
    def reported(self) -> int:
        """Completions stored since the service started."""
        ...

    async def add(self, records: Sequence[HistoryRecord]) -> Stored:
        """Store completions; returns once they will survive a crash, as far as the store can.

        Raises:
            CallError: None of them counts as stored.
        """
        ...

    async def close(self) -> None:
        """Finish what is being stored."""
        ...


def to_row(record: HistoryRecord) -> dict[str, Any]:
    """A record as the index job reads it; what is not known is left out."""
    row: dict[str, Any] = {
        "id": record.id,
        "prompt": record.prompt,
        "output_tokens": record.output_tokens,
        "finish_reason": record.finish_reason,
    }
    if record.model:
        row["model"] = record.model
    if record.caller:
        row["caller"] = record.caller
    conditions = record.sampling_options().items()
    return row | {name: value for name, value in conditions if value is not None}


def to_line(record: HistoryRecord) -> bytes:
    """One line of JSON, with its line end."""
    return json.dumps(to_row(record), ensure_ascii=False).encode() + b"\n"


class MemoryCompletions:
    """Keeps completions until the process ends: for trying out, and for callers who always report.

    Args:
        capacity: Completions kept; beyond it reports are refused.
        capacity_chars: Characters of their prompts; beyond it reports are refused too.
    """

    def __init__(self, *, capacity: int = 100_000, capacity_chars: int = 256 * 2**20) -> None:
        self._capacity = capacity
        self._capacity_chars = capacity_chars
        self._chars = 0
        self._records: dict[RowKey, HistoryRecord] = {}

    @property
    def reported(self) -> int:
        """Completions stored since the service started."""
        return len(self._records)

    @property
    def records(self) -> tuple[HistoryRecord, ...]:
        """All of them, oldest first."""
        return tuple(self._records.values())

    async def add(self, records: Sequence[HistoryRecord]) -> Stored:
        """Keep completions; see `CompletionStore.add`.

        Raises:
            OverloadedError: The memory set aside for them is full.
        """
        new: dict[RowKey, HistoryRecord] = {}
        differing = 0
        for record in records:
            known = self._records.get(record.key) or new.setdefault(record.key, record)
            differing += known != record
        chars = sum(len(record.prompt) for record in new.values())
        if (
            len(self._records) + len(new) > self._capacity
            or self._chars + chars > self._capacity_chars
        ):
            raise OverloadedError(
                f"completions are kept in memory, which is full with {len(self._records):,} of "
                f"them: start the service with --completions FILE to keep more"
            )
        self._records.update(new)
        self._chars += chars
        return Stored(len(new), len(records) - len(new), tuple(new.values()), differing)

    async def close(self) -> None: ...

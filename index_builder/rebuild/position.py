"""Where a round begins to read the history, and whether it is the one that was followed so far."""

from collections import deque
from datetime import UTC, datetime

from index_builder.rebuild.live_version import LiveVersion
from lengthwise.history.database.completion import StoredCompletion
from lengthwise.history.database.reader import HistoryReader
from lengthwise.index.errors import InvalidInputError

LOOKED_BACK_ROWS = 1_000
"""Numbers among which a row is looked for that the version has seen: they have gaps."""

CLOCKS_APART_S = 300.0
"""As far the clocks of the service, which stamps rows, and of this job may differ."""


def first_known(
    reader: HistoryReader, live: LiveVersion | None, *, last: int, from_sequence: int
) -> int:
    """The last row of the history that need not be read.

    A version remembers a number alone, and in a history that took the other's place, or that was
    restored from an older copy, it means other rows. Those were stored after the version was made.
    Where retention has removed all that the version has seen, nothing can tell.

    Args:
        reader: The history, looked at just before where the version ended.
        live: The version that has followed it so far; None where nothing was published.
        last: The last row that the history has.
        from_sequence: As in `RebuildOptions`; from 0 up it counts in place of the version's number.

    Raises:
        InvalidInputError: The version has followed another history.
        HistoryError: The history cannot be read.
    """
    if from_sequence >= 0:
        return min(from_sequence, last)
    if live is None or not live.last_sequence:
        return 0
    after = live.last_sequence
    if after > last:
        raise _another(live, f"this one ends at row {last:,}")
    seen = _newest_at_most(reader, after)
    if seen is not None and seen.stored_unix_s > _made_at_latest_unix_s(live):
        stored = datetime.fromtimestamp(seen.stored_unix_s, UTC)
        raise _another(
            live,
            f"row {seen.sequence:,} of this one was stored after that, at {stored:%Y-%m-%d %H:%M} "
            "UTC",
        )
    return after


def _newest_at_most(reader: HistoryReader, sequence: int) -> StoredCompletion | None:
    """The last row up to a number, if there is one shortly before it."""
    rows = reader.rows_after(sequence - LOOKED_BACK_ROWS, up_to=sequence)
    return next(iter(deque(rows, maxlen=1)), None)


def _made_at_latest_unix_s(live: LiveVersion) -> float:
    """When it was made, by the clock of whoever stamps rows, as far as that can be known."""
    # That clock may be far ahead: what the version holds was stored before it was made.
    newest_unix_s = float(live.index.rows.stored_unix_s.max())
    return max(live.index.manifest.created_unix_s, newest_unix_s) + CLOCKS_APART_S


def _another(live: LiveVersion, difference: str) -> InvalidInputError:
    return InvalidInputError(
        f"{live.index.version} has followed its history up to row {live.last_sequence:,}, "
        f"{difference}: expected the same history. To follow another from its beginning give "
        "--from-sequence 0"
    )

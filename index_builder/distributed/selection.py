"""Which rows of a long history are encoded: the newest, and a sample of the others.

A billion rows predict no better than a few hundred thousand of each LLM. Half of what is kept are
the LLM's newest rows, which follow a change of lengths. The other half is a sample of all earlier
ones, decided by a hash of the row's id: it needs no memory of other rows, no sorting and no
exchange between workers, gives the same rows wherever it is computed, and can be written in SQL.
As the history grows the share falls: what is kept tomorrow was kept today, or is new.

Rows of one caller can crowd out others'. Where callers are known each gets an equal share of its
LLM's rows, and what one does not use goes to the others.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lengthwise.index.record import HistoryRecord

DEFAULT_KEEP_PER_MODEL = 200_000
"""Rows of one LLM: ten times those from which on more of them gain next to nothing."""

HASH_HEX_DIGITS = 8
"""Of the MD5 of an id: 32 bits, of which a share is told to less than a billionth."""

NEWEST_SHARE = 2
"""One in so many of the rows that are kept is one of the newest."""


class Stratum(NamedTuple):
    """Rows that have a share of their own.

    Args:
        model: Name of the LLM that answered these rows.
        caller: Who asked it; "" where that is not known.
    """

    model: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """What of a stratum is kept.

    Args:
        newest_from: Number of the first row, from 0 and oldest first, from which all are kept.
        below: Of the rows before it, those are kept whose `id_hash` is less than this text.
    """

    newest_from: int
    below: str

    @classmethod
    def from_counts(cls, rows: int, keep: int) -> "Quota":
        """Keep about so many rows of a stratum.

        Args:
            rows: How many rows the stratum has, at least 0.
            keep: How many are to be kept, about; more than there are keeps all.
        """
        if rows <= keep:
            return cls(0, "")
        newest = keep // NEWEST_SHARE
        share = (keep - newest) / (rows - newest)
        return cls(rows - newest, f"{int(share * 16**HASH_HEX_DIGITS):0{HASH_HEX_DIGITS}x}")

    def takes(self, number: int, row_id: str) -> bool:
        """Tell if a row is kept, by its number in the stratum and its id."""
        return number >= self.newest_from or id_hash(row_id) < self.below


def id_hash(row_id: str) -> str:
    """Where a row falls in a sample: `left(md5(id), 8)` in SQL."""
    digest = hashlib.md5(row_id.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return digest.hexdigest()[:HASH_HEX_DIGITS]


def fair_caps(rows: Mapping[str, int], keep: int) -> dict[str, int]:
    """Share an LLM's rows out among its callers: equally, what one leaves goes to the others.

    Args:
        rows: How many rows each caller has, by its name.
        keep: Rows that are kept of all of them.

    Returns:
        Rows of each that are kept.
    """
    caps: dict[str, int] = {}
    left = keep
    for place, (caller, count) in enumerate(sorted(rows.items(), key=lambda item: item[1])):
        caps[caller] = min(count, left // (len(rows) - place))
        left -= caps[caller]
    return caps


def quotas(rows: Mapping[Stratum, int], keep_per_model: int) -> dict[Stratum, Quota]:
    """What is kept of each stratum, for about so many rows of each LLM in all."""
    by_model: dict[str, dict[str, int]] = {}
    for stratum, count in rows.items():
        by_model.setdefault(stratum.model, {})[stratum.caller] = count
    return {
        Stratum(model, caller): Quota.from_counts(callers[caller], cap)
        for model, callers in by_model.items()
        for caller, cap in fair_caps(callers, keep_per_model).items()
    }


class Selection:
    """Which rows of a history that lies in files are kept; later files hold newer rows.

    Args:
        counts: Rows of each LLM in each file, in the order of the history.
        keep_per_model: Rows of each LLM that are kept, about.
    """

    def __init__(self, counts: Sequence[Mapping[str, int]], keep_per_model: int) -> None:
        self._before: list[Counter[str]] = []
        total: Counter[str] = Counter()
        for count in counts:
            self._before.append(total.copy())
            total.update(count)
        self._quotas = quotas({Stratum(m): n for m, n in total.items()}, keep_per_model)

    @property
    def keeps_all(self) -> bool:
        """True if no LLM has too many rows."""
        return all(quota.newest_from == 0 for quota in self._quotas.values())

    def of_file(
        self,
        file: int,
        records: Iterable[HistoryRecord],
        on_left: Callable[[HistoryRecord], None] = lambda _: None,
    ) -> Iterator[HistoryRecord]:
        """The records of a file that are kept.

        Args:
            file: Its number in the order of the history.
            records: All records of the file, in its order.
            on_left: Is given those that are not kept.
        """
        seen = self._before[file].copy()
        for record in records:
            if self._quotas[Stratum(record.model)].takes(seen[record.model], record.id):
                yield record
            else:
                on_left(record)
            seen[record.model] += 1

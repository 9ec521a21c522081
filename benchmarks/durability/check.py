"""Compares what was acknowledged with what is in the database."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from benchmarks.durability.reporters import Receipts, all_completions
from lengthwise.history.database.reader import HistoryReader


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a run's completions.

    Args:
        acknowledged: By the service, different ids.
        lost: Of those, how many are not in the database.
        duplicated: Rows beyond the first of an id, and ids acknowledged as new more than once.
        altered: Rows whose content is not what was reported.
        missed_by_reader: Rows that a reader who read along did not see, or saw twice.
    """

    acknowledged: int
    lost: int
    duplicated: int
    altered: int
    missed_by_reader: int

    @property
    def clean(self) -> bool:
        """Nothing went wrong."""
        return not (self.lost or self.duplicated or self.altered or self.missed_by_reader)


def check(place: str, run: str, count: int, receipts: Receipts, followed: list[int]) -> Verdict:
    """Read the database and compare.

    Args:
        place: The history's database: a file or a URL.
        run: Name of the run, which is part of its completions' ids.
        count: That were to be reported.
        receipts: What the service acknowledged to the reporters.
        followed: Sequence numbers that a reader saw during the run.
    """
    expected = {one.request_id: one for one in all_completions(run, count)}
    found: Counter[str] = Counter()
    sequences: list[int] = []
    altered = 0
    with HistoryReader.open(place) as reader:
        for row in reader.rows_after():
            sequences.append(row.sequence)
            if row.request_id.startswith(run):
                found[row.request_id] += 1
                was = expected.get(row.request_id)
                altered += was is None or (row.prompt, row.output_tokens) != (
                    was.prompt,
                    was.output_tokens,
                )
    twice = sum(times - 1 for times in found.values())
    return Verdict(
        acknowledged=len(receipts.ids),
        lost=len(receipts.ids - found.keys()),
        duplicated=twice + max(0, receipts.stored - len(receipts.ids)),
        altered=altered,
        missed_by_reader=_differences(sequences, followed),
    )


def count_ids(place: str, run: str) -> int:
    """How many different completions of a run are in the database."""
    with HistoryReader.open(place) as reader:
        return len(
            {row.request_id for row in reader.rows_after() if row.request_id.startswith(run)}
        )


def _differences(sequences: Collection[int], followed: Collection[int]) -> int:
    seen = Counter(followed)
    return sum(1 for number in sequences if seen[number] != 1)

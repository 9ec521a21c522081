"""What an index and the students of it learn, and what they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.workloads import DAVINCI, VICUNA, learnt_and_asked, read_records
from index_builder.distillation.distil import normalised
from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True)
class StudentWorkload:
    """Rows of the one set, and prompts of another.

    Args:
        learnt: Rows to train on and to index.
        asked: Rows asked about, none of whose prompts is learnt, with a length or without.
        unlabelled: Prompts of another history, without those of `asked`.
    """

    learnt: Sequence[HistoryRecord]
    asked: Sequence[HistoryRecord]
    unlabelled: Sequence[str]

    @classmethod
    def from_sets(cls, data: Path) -> "StudentWorkload":
        """The Vicuna set as `benchmarks.training` splits it, and davinci's prompts besides.

        Those under test are left out twice over, by their text (whatever its case and spaces) and
        by their id, which both sets share; training leaves the validation rows' out by itself.
        """
        learnt, asked = learnt_and_asked(read_records(data, VICUNA))
        texts, ids = {normalised(r.prompt) for r in asked}, {r.id for r in asked}
        return cls(
            learnt,
            asked,
            [
                record.prompt
                for record in read_records(data, DAVINCI)
                if record.id not in ids and normalised(record.prompt) not in texts
            ],
        )

    def first(self, rows: int) -> "StudentWorkload":
        """A smaller one."""
        return StudentWorkload(self.learnt[:rows], self.asked[:rows], self.unlabelled[:rows])

"""Real prompts to measure with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lengthwise.history.files import History, ReadOptions
from lengthwise.history.split import is_held_out
from lengthwise.index.record import HistoryRecord

VICUNA = "alpaca_vicuna7b_train"
DAVINCI = "alpaca_davinci003"
CHATDOCTOR = "chatdoctor5k"
SHAREGPT = "sharegpt_turns"
ARENA = "arena_hard"
BY_CONVERSATION = ReadOptions(group_regex="^(.*)-[^-]*$")
"""How `SHAREGPT` is read: turns of one conversation stay together."""

BY_PROMPT = ReadOptions(group_column="uid")
"""How `ARENA` is read: several LLMs' answers to one prompt stay together."""

LEARNT_ROWS = 8_000
"""Rows of a split workload to build from."""

ASKED_ROWS = 2_000
"""Rows of a split workload to ask about."""

HOLDOUT = 0.2
"""Share of a set that is asked about and not learnt."""


def data_file(data: Path, name: str) -> Path:
    """Where a set lies.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = data / f"{name}.jsonl.gz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give the folder of the sets with --data")
    return path


def read_records(data: Path, name: str, options: ReadOptions | None = None) -> list[HistoryRecord]:
    """All rows of a set."""
    return list(History.from_paths(data_file(data, name), options))


def learnt_and_asked(
    records: Iterable[HistoryRecord],
) -> tuple[list[HistoryRecord], list[HistoryRecord]]:
    """Four fifths to learn from, and the rest; a prompt's or conversation's rows stay together."""
    learnt: list[HistoryRecord] = []
    asked: list[HistoryRecord] = []
    for record in records:
        (asked if is_held_out(record, HOLDOUT) else learnt).append(record)
    return learnt, asked


def unique_prompts(records: Iterable[HistoryRecord]) -> list[str]:
    """Every prompt once, in order."""
    return list(dict.fromkeys(record.prompt for record in records))


@dataclass(frozen=True, slots=True)
class RecordList:
    """Records in memory, as an index is built from them."""

    records: Sequence[HistoryRecord]

    def __iter__(self) -> Iterator[HistoryRecord]:
        return iter(self.records)

    @property
    def fingerprint(self) -> str:
        """Hash of the prompts and lengths."""
        digest = sha256()
        for record in self.records:
            digest.update(f"{record.output_tokens} {record.prompt}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class SplitWorkload:
    """Rows to build from, and rows with other prompts to ask about."""

    learnt: Sequence[HistoryRecord]
    asked: Sequence[HistoryRecord]

    @classmethod
    def from_set(cls, data: Path, name: str = VICUNA) -> "SplitWorkload":
        """The first 8,000 rows of a set to build from, the next 2,000 to ask about."""
        records = read_records(data, name)
        learnt = records[:LEARNT_ROWS]
        known = {record.prompt for record in learnt}
        rest = {record.prompt: record for record in records[LEARNT_ROWS:]}
        asked = [record for prompt, record in rest.items() if prompt not in known]
        return cls(learnt, asked[:ASKED_ROWS])

    def first(self, learnt: int, asked: int) -> "SplitWorkload":
        """A smaller one."""
        return SplitWorkload(self.learnt[:learnt], self.asked[:asked])

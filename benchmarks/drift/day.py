"""A day of traffic, lived through by the calls that service and job make.

Predict, report, rebuild, swap; from one hour on the answers are longer.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.drift.arms import Arm, Score
from benchmarks.harness.workloads import RecordList
from index_builder.build.builder import build_index
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import RoundOutcome
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.round import Rebuild
from lengthwise.history.database.completion import Report
from lengthwise.history.database.place import Place
from lengthwise.history.database.writer import HistoryWriter
from lengthwise.index.encoder.encoder import Encoder, load_encoder
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store import Published


@dataclass(frozen=True, slots=True)
class Day:
    """What happens.

    Args:
        indexed: Rows that the first version is built from.
        hours: Rows that come in each hour, with the lengths that they would have had.
        changes_at: The first hour whose answers are longer.
        factor: By how much answers get longer then: 1.5 is half as long again.
    """

    indexed: Sequence[HistoryRecord]
    hours: Sequence[Sequence[HistoryRecord]]
    changes_at: int
    factor: float

    @classmethod
    def from_records(
        cls,
        history: Sequence[HistoryRecord],
        *,
        indexed: int,
        hours: int,
        per_hour: int,
        factor: float,
        seed: int,
    ) -> "Day":
        """Draw a day; no prompt comes twice.

        Raises:
            ValueError: The history has too few prompts.
        """
        different = list({record.prompt: record for record in history}.values())
        needed = indexed + hours * per_hour
        if len(different) < needed:
            raise ValueError(
                f"the history has {len(different):,} different prompts: {needed:,} are needed"
            )
        drawn = random.Random(seed).sample(different, needed)
        named = [replace(record, id=f"row-{i}", samples=()) for i, record in enumerate(drawn)]
        rest = named[indexed:]
        by_hour = [rest[h * per_hour : (h + 1) * per_hour] for h in range(hours)]
        return cls(named[:indexed], by_hour, hours // 2, factor)

    def factor_in(self, hour: int) -> float:
        """How much longer answers are in an hour."""
        return self.factor if hour >= self.changes_at else 1.0

    def answered(self, hour: int) -> list[HistoryRecord]:
        """An hour's rows with the lengths that they have."""
        factor = self.factor_in(hour)
        return [replace(r, output_tokens=round(factor * r.output_tokens)) for r in self.hours[hour]]


FROZEN, LOOP, LIVE, UNCHANGED = "frozen", "rebuilt", "rebuilt + live rows", "nothing changed"
SECONDS_PER_HOUR = 3_600.0
REPORTS_PER_HOUR = 4
"""Answers are reported this often, and learnt at once by who learns."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour.

    Args:
        number: Of the day, counted from 0.
        factor: How much longer its answers were.
        scores: How well each arm predicted the hour's prompts, by the arm's name.
        rebuilt: What the rebuild at its end came to; None where there was none.
    """

    number: int
    factor: float
    scores: dict[str, Score]
    rebuilt: RoundOutcome | None


class SimulatedDay:
    """A store, a history and three ways to serve.

    Args:
        day: The traffic: rows of each hour, and when answers get longer.
        folder: Where the store, the history and the loop's cache are made.
        encoder: Name or folder of the encoder that every version is built with.
        rebuild_every: Hours from one rebuild to the next.
    """

    def __init__(self, day: Day, folder: Path, *, encoder: str, rebuild_every: int) -> None:
        self._day = day
        self._folder = folder
        self._rebuild_every = rebuild_every
        self._encoder: Encoder = load_encoder(encoder)
        self._place = Published.at(str(folder / "store"))
        first = build_index(RecordList(day.indexed), folder / "store", self._encoder).path
        self._began_unix_s = LengthIndex.load(first, encoder=self._encoder).manifest.created_unix_s
        self._now_unix_s = self._began_unix_s
        self._arms = {
            FROZEN: Arm(self._load(first)),
            LOOP: Arm(self._load(first)),
            LIVE: Arm(self._load(first), learns=True),
        }
        history = str(folder / "history.db")
        self._writer = HistoryWriter.open(Place.parse(history), clock=lambda: self._now_unix_s)
        self._job = Rebuild(
            history=history, place=self._place, options=RebuildOptions(), encoder=encoder
        )

    def live(self, say: Callable[[str], None]) -> list[Hour]:
        """Go through all hours."""
        try:
            return [self._hour(number, say) for number in range(len(self._day.hours))]
        finally:
            self._writer.close()

    def _hour(self, number: int, say: Callable[[str], None]) -> Hour:
        answered = self._day.answered(number)
        parts = np.array_split(np.arange(len(answered)), REPORTS_PER_HOUR)
        for i, places in enumerate(parts, 1):
            self._quarter([answered[place] for place in places.tolist()])
            self._now_unix_s = self._began_unix_s + SECONDS_PER_HOUR * (
                number + i / REPORTS_PER_HOUR
            )
        scores = self._scores(number, answered)
        rebuilt = self._rebuild() if (number + 1) % self._rebuild_every == 0 else None
        say(f"hour {number}{'' if rebuilt is None else ': ' + rebuilt.lines()[0]}")
        return Hour(number, self._day.factor_in(number), scores, rebuilt)

    def _quarter(self, records: Sequence[HistoryRecord]) -> None:
        vectors = self._encoder.encode([record.prompt for record in records])
        for arm in self._arms.values():
            arm.predict(records, vectors)
        self._writer.append([Report(records)])
        for arm in self._arms.values():
            arm.reported(records, vectors)

    def _scores(self, number: int, answered: Sequence[HistoryRecord]) -> dict[str, Score]:
        truth = np.array([record.output_tokens for record in answered], float)
        as_before = np.array([r.output_tokens for r in self._day.hours[number]], float)
        frozen, unchanged = self._arms[FROZEN].scores([truth, as_before])
        factor = self._day.factor_in(number)
        return {
            FROZEN: frozen,
            **{name: self._arms[name].scores([truth])[0] for name in (LOOP, LIVE)},
            # Were all ever known lengths longer too, errors would be as much longer.
            UNCHANGED: Score(unchanged.tau, factor * unchanged.mae, unchanged.coverage),
        }

    def _rebuild(self) -> RoundOutcome:
        outcome = self._job.run(RoundProgress())
        for name in (LOOP, LIVE):
            self._arms[name].follow(self._place, self._folder / "cache", self._encoder)
        return outcome

    def _load(self, path: Path) -> LengthIndex:
        return LengthIndex.load(path, encoder=self._encoder)

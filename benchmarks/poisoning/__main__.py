"""Absurd lengths by one caller, and what others are told: `python -m benchmarks.poisoning`.

An honest caller's rows make an index. A stranger reports lengths of 80,000 to 100,000 tokens under
prompts of the same set that nobody else asks about, in each of three ways. Then it is asked about
prompts that are in neither.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import finish, say
from benchmarks.harness.table import Row
from benchmarks.harness.workloads import DAVINCI, read_records
from benchmarks.poisoning.tables import (
    AFTER_BUILD,
    AFTER_LIVE,
    AFTER_REBUILD,
    BEFORE,
    poisoning_report,
)
from benchmarks.poisoning.trials import (
    HONEST,
    Told,
    absurd,
    built,
    learn_live,
    rebuild_with,
    temporary_folder,
)
from lengthwise.index.encoder.encoder import Encoder, load_encoder
from lengthwise.index.encoder.encoder_wrapper import RememberingEncoder
from lengthwise.index.record import HistoryRecord

BUILD_SHARE = 0.03
"""Absurd rows of a build."""

REMEMBERED = 20_000
"""Vectors kept between the trials: more than they have prompts."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows there are of each kind."""

    honest: int = 3_600
    live: int = 1_000
    rebuilt: int = 200
    asked: int = 500


QUICK = Sizes(honest=600, live=200, rebuilt=200, asked=100)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("poisoning", "One caller's absurd lengths.", repeats=1)
    options = parsed(parser, argv)
    sizes = QUICK if options.quick else Sizes()
    encoder = RememberingEncoder(load_encoder(), capacity=REMEMBERED)
    with temporary_folder() as folder:
        rows = _trials(options.data, sizes, encoder, Path(folder))
    notes = [
        f"{sizes.honest:,} prompts of the davinci set by one caller, {sizes.asked:,} others asked "
        "about; no prompt is in both.",
        "Of the rebuild the live version has the honest rows, and all new rows are absurd.",
    ]
    finish(poisoning_report(options.command, rows, notes), options.json)


def _trials(data: Path, sizes: Sizes, encoder: Encoder, folder: Path) -> list[Row]:
    drawn = _different(data)
    asked, rest = drawn[: sizes.asked], drawn[sizes.asked :]
    honest = [replace(record, caller=HONEST) for record in rest[: sizes.honest]]
    strange = absurd(rest[sizes.honest :][: sizes.live], 0)
    say("the honest rows alone")
    index = built(honest, folder / "clean", encoder)
    clean = Told.by(index, asked)
    rows: list[Row] = [{"way_in": BEFORE, "reports": 0, "taken": 0, **clean.facts(asked, clean)}]

    def note(way_in: str, reports: int, taken: int, told: Told) -> None:
        facts = told.facts(asked, clean)
        rows.append({"way_in": way_in, "reports": reports, "taken": taken, **facts})

    say("reports that count at once")
    learnt = learn_live(index, strange).learnt
    note(AFTER_LIVE, len(strange), learnt, Told.by(index, asked))
    say("a build")
    few = round(BUILD_SHARE * sizes.honest)
    mixed = [*strange[:few], *honest[few:]]
    told = Told.by(built(mixed, folder / "mixed", encoder), asked)
    note(AFTER_BUILD, few, few, told)
    say("a rebuild")
    reports = strange[: sizes.rebuilt]
    outcome, _, after = rebuild_with(honest, reports, encoder, folder / "rebuilt")
    taken = outcome.rows - sizes.honest if outcome.rows else 0
    note(AFTER_REBUILD, len(reports), taken, Told.by(after, asked))
    return rows


def _different(data: Path) -> list[HistoryRecord]:
    """The rows of the set in random order, one for each prompt."""
    records = list({record.prompt: record for record in read_records(data, DAVINCI)}.values())
    random.Random(0).shuffle(records)
    return [replace(record, id=f"row-{i}", samples=()) for i, record in enumerate(records)]


if __name__ == "__main__":
    main()

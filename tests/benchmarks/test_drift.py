"""The drift benchmark: its traffic, and the hours by which it judges."""

import pytest

from benchmarks.drift.arms import Score
from benchmarks.drift.day import FROZEN, LIVE, LOOP, UNCHANGED, Day, Hour
from benchmarks.drift.tables import Recovery
from index_builder.rebuild.outcome import RoundEnding, RoundOutcome
from tests.lengthwise.index.fakes import topic_history

REBUILT = RoundOutcome(ending=RoundEnding.REFUSED, version="a", before="a")


def day(**options):
    chosen = {"indexed": 40, "hours": 4, "per_hour": 10, "factor": 1.5, "seed": 0} | options
    return Day.from_records(topic_history(200), **chosen)


def hours(*rebuilt):
    """Ten hours in which the number of the hour is every figure, rebuilds after some."""
    score = lambda n: {arm: Score(n, n, n) for arm in (FROZEN, LOOP, LIVE, UNCHANGED)}  # noqa: E731
    return [
        Hour(n, 1.5 if n >= 5 else 1.0, score(n), REBUILT if n in rebuilt else None)
        for n in range(10)
    ]


def test_no_prompt_comes_twice_in_a_day():
    made = day()
    rows = [*made.indexed, *(record for hour in made.hours for record in hour)]
    assert len(rows) == len({r.prompt for r in rows}) == len({r.id for r in rows}) == 80


def test_answers_are_longer_from_half_way_on():
    made = day()
    for number, factor in enumerate((1.0, 1.0, 1.5, 1.5)):
        before = [record.output_tokens for record in made.hours[number]]
        after = [record.output_tokens for record in made.answered(number)]
        assert after == [round(factor * tokens) for tokens in before]


def test_a_history_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="different prompts: 1,040 are needed"):
        day(hours=100)


def test_what_counts_are_the_hours_from_the_first_rebuild_after_the_change_to_the_next():
    found = Recovery.from_hours(hours(2, 4, 6, 8), changes_at=5)
    assert found.before[LIVE].tau == 5.5
    assert found.after[LIVE].tau == 7.5
    assert found.since[LIVE].tau == 8


def test_after_the_last_rebuild_all_hours_count():
    assert Recovery.from_hours(hours(5), changes_at=5).after[LOOP].tau == 7.5

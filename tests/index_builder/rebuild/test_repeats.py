"""What prompts had for answers stays known when their rows go for being old."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.progress import RoundProgress
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from tests.index_builder.rebuild.conftest import new_records

HERONS = "write exactly so much about herons"
TOLERANT = {"tolerate_mae": 1_000, "tolerate_tau": 2, "tolerate_coverage": 1}


def seldom(count=3, *, tokens=900, caller=""):
    return [
        HistoryRecord(HERONS, tokens, "llm", f"seldom-{caller}-{tokens}-{i}", caller=caller)
        for i in range(count)
    ]


def published(loop, **options):
    assert loop.run(**TOLERANT, **options).ending is RoundEnding.PUBLISHED


def asked(index):
    [estimate] = index.predict([Query(HERONS, "llm")])
    return estimate.median_tokens


def test_a_prompt_whose_rows_are_gone_is_predicted_from_its_repeats_round_after_round(
    loop, tmp_path
):
    loop.report([*seldom(), *new_records(100)])
    published(loop)
    for seed in (2, 3):
        loop.report(new_records(120, seed=seed))
        published(loop, keep_rows=150)
        index = loop.index(tmp_path)
        assert HERONS not in index.rows.table.column("prompt").to_pylist()
        assert asked(index) == pytest.approx(900, rel=0.1)


def test_every_row_that_goes_for_being_old_is_in_the_table_and_no_other(loop, tmp_path):
    loop.report(new_records(200))
    outcome = loop.run(**TOLERANT, keep_rows=250)
    assert outcome.dropped == {"old rows": 350}
    index = loop.index(tmp_path)
    assert len(index.repeats) == 350
    assert (np.diff(index.repeats.keys) >= 0).all()


def test_where_nothing_goes_there_is_no_table(loop, tmp_path):
    loop.report(new_records(200))
    published(loop)
    assert loop.index(tmp_path).repeats is None


@pytest.mark.parametrize(
    ("cap", "reason"),
    [
        ({"max_duplicates": 2}, "repeated prompts"),
        ({"max_caller_share": 0.01}, "rows of one caller"),
    ],
)
def test_what_a_cap_on_a_prompt_or_a_caller_keeps_out_does_not_come_in_by_the_table(
    loop, tmp_path, cap, reason
):
    loop.report([*seldom(8, tokens=5_000, caller="loud"), *new_records(100)])
    outcome = loop.run(**TOLERANT, tolerate_others=1_000, **cap)
    assert set(outcome.dropped) == {reason}
    assert loop.index(tmp_path).repeats is None


def test_a_caller_of_whom_the_table_alone_knows_is_taken_out_though_nothing_is_new(loop, tmp_path):
    loop.report([*seldom(tokens=90_000, caller="bad"), *new_records(100)])
    published(loop, tolerate_others=1_000)
    loop.report(new_records(120, seed=2))
    published(loop, keep_rows=150, tolerate_others=1_000)
    index = loop.index(tmp_path)
    assert "bad" not in index.rows.callers
    assert asked(index) == pytest.approx(90_000, rel=0.1)
    job = replace(loop.job(keep_rows=150), leave_out_callers=frozenset({"bad"}))
    assert job.run(RoundProgress()).ending is RoundEnding.PUBLISHED
    index = loop.index(tmp_path)
    assert not index.repeats.reported_by({"bad"}).any()
    assert asked(index) < 10_000
    assert job.run(RoundProgress()).ending is RoundEnding.NOTHING_NEW


def test_a_caller_that_is_left_out_goes_from_the_table_too(loop, tmp_path):
    loop.report([*seldom(caller="good"), *seldom(tokens=90_000, caller="bad"), *new_records(100)])
    published(loop, tolerate_others=1_000)
    loop.report(new_records(120, seed=2))
    published(loop, keep_rows=150, tolerate_others=1_000)
    before = len(loop.index(tmp_path).repeats)
    loop.report(new_records(120, seed=3))
    job = replace(loop.job(**TOLERANT, keep_rows=270), leave_out_callers=frozenset({"bad"}))
    assert job.run(RoundProgress()).ending is RoundEnding.PUBLISHED
    index = loop.index(tmp_path)
    assert len(index.repeats) == before - 3
    assert asked(index) == pytest.approx(900, rel=0.1)

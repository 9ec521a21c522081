"""One caller's rows must not spoil what is said of everybody else's."""

import random
from dataclasses import replace

import pytest

from index_builder.build.builder import build_index
from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.progress import RoundProgress
from tests.index_builder.rebuild.conftest import new_records
from tests.lengthwise.index.fakes import topic_history

STRANGER = "token stranger"
PROGRESS = RoundProgress()


def absurd(count: int, *, seed: int = 7):
    """Prompts of all topics, each with an absurd length."""
    rng = random.Random(seed)
    return [
        replace(
            record, id=f"absurd-{i}", output_tokens=rng.randint(80_000, 100_000), caller=STRANGER
        )
        for i, record in enumerate(new_records(count, seed=seed))
    ]


def by(caller, records):
    return [replace(record, caller=caller) for record in records]


def callers(index):
    return set(index.rows.callers)


def test_a_strangers_absurd_rows_are_refused_though_the_newest_rows_are_its_own(loop):
    loop.report(absurd(80))
    outcome = loop.run()
    assert outcome.ending is RoundEnding.REFUSED
    assert outcome.comparison.loss.mae < 0, "its own rows it would predict better"
    (fault,) = outcome.faults
    assert "others than 'token stranger'" in fault
    assert "--leave-out-caller" in fault


def test_they_are_refused_too_where_most_of_the_new_rows_are_others(loop):
    loop.report(by("token engine", new_records(240)))
    loop.report(absurd(60))
    loop.report(by("token engine", new_records(100, seed=3)))
    outcome = loop.run(tolerate_mae=1_000, tolerate_tau=2, tolerate_coverage=1)
    assert outcome.ending is RoundEnding.REFUSED
    assert "others than 'token stranger', whose 60 new rows" in outcome.faults[0]


def test_a_caller_that_is_left_out_is_not_taken_in_and_the_rest_is_published(loop, tmp_path):
    loop.report(by("token engine", new_records(200)))
    loop.report(absurd(80))
    job = replace(loop.job(), leave_out_callers=frozenset({STRANGER}))
    outcome = job.run(PROGRESS)
    assert outcome.ending is RoundEnding.PUBLISHED
    assert outcome.left_out == {"of a caller that is left out": 80}
    assert callers(loop.index(tmp_path)) == {"", "token engine"}


def test_what_was_published_of_a_caller_is_taken_out_though_nothing_is_new(loop, tmp_path):
    loop.report([*absurd(40), *by("token engine", new_records(200))])
    assert loop.run(tolerate_others=1_000_000).ending is RoundEnding.PUBLISHED
    job = replace(loop.job(), leave_out_callers=frozenset({STRANGER}))
    outcome = job.run(PROGRESS)
    assert outcome.ending is RoundEnding.PUBLISHED
    assert outcome.left_out == {"of the live version by a caller that is left out": 40}
    assert callers(loop.index(tmp_path)) == {"", "token engine"}
    assert job.run(PROGRESS).ending is RoundEnding.NOTHING_NEW


@pytest.mark.parametrize("factor", [0.5, 1.5, 2])
def test_lengths_that_grow_or_shrink_with_a_new_caller_are_taken_in(loop, factor):
    loop.report(by("token engine", new_records(400, factor=factor)))
    outcome = loop.run()
    assert outcome.ending is RoundEnding.PUBLISHED


def test_lengths_are_cut_to_the_context_of_their_llm(loop, tmp_path):
    loop.report(by("token engine", new_records(200, factor=4)))
    loop.run(model_context="llm=1000,9", tolerate_others=1_000)
    rows = loop.index(tmp_path).rows
    new = [n for c, n in zip(rows.callers, rows.output_tokens, strict=True) if c]
    assert (len(new), max(new)) == (200, 1_000)


def test_of_one_caller_no_more_than_its_share_is_kept(loop, tmp_path):
    loop.report(by("token engine", new_records(400)))
    outcome = loop.run(max_caller_share=0.25)
    assert outcome.dropped["rows of one caller"] == 200
    assert loop.index(tmp_path).rows.callers.count("token engine") == 200


def test_two_callers_rows_of_one_id_are_both_taken_in(loop, tmp_path):
    build_index(topic_history(400), tmp_path / "store", loop.encoder)
    loop.report(by("token one", new_records(100)))
    loop.report(by("token two", new_records(100)))
    assert loop.run(max_duplicates=0).new_rows == 200
    assert loop.index(tmp_path).rows.callers.count("token two") == 100

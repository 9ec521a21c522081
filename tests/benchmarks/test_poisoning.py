"""The benchmark of one caller's absurd lengths: its rows, and what it aims at."""

import numpy as np

from benchmarks.poisoning.tables import (
    AFTER_BUILD,
    AFTER_LIVE,
    AFTER_REBUILD,
    BEFORE,
    poisoning_report,
)
from benchmarks.poisoning.trials import ABSURD_TOKENS, STRANGER, Told, absurd, learn_live
from tests.lengthwise.index.fakes import index_of, topic_history


def row(way_in, **figures):
    zero = {"reports": 0, "taken": 0, "mae": 30.0, "expected": 60.0, "p90": 100.0}
    return {"way_in": way_in, **zero, "expected_doubled": 0.0, "p90_doubled": 0.0, **figures}


def test_the_stranger_reports_other_prompts_with_ids_and_lengths_of_its_own():
    made = absurd(topic_history(50), seed=0)
    assert {record.caller for record in made} == {STRANGER}
    assert len({record.id for record in made}) == 50
    low, high = ABSURD_TOKENS
    assert all(low <= record.output_tokens <= high for record in made)


def test_what_was_said_before_is_what_later_answers_are_held_against():
    asked = topic_history(2)
    clean = Told(np.array([10.0, 10]), np.array([20.0, 20]), np.array([30.0, 30]))
    after = Told(np.array([21.0, 10]), np.array([20.0, 20]), np.array([61.0, 61]))
    facts = after.facts(asked, clean)
    assert (facts["expected_doubled"], facts["p90_doubled"], facts["p90"]) == (0.5, 1.0, 61.0)
    assert facts["mae"] == abs(20 - np.array([r.output_tokens for r in asked])).mean()


def test_all_reports_are_waited_for_whether_they_are_learnt_or_not():
    index = index_of(topic_history(200))
    plain = [*topic_history(30, seed=3), *absurd(topic_history(20, seed=4), 0)]
    learner = learn_live(index, plain)
    assert (learner.learnt, learner.left_out) == (30, 20)


def test_the_aims_are_missed_where_others_are_told_something_else():
    ways = (BEFORE, AFTER_LIVE, AFTER_BUILD, AFTER_REBUILD)
    good = poisoning_report("x", [row(way) for way in ways], ())
    assert [one["met"] for one in good.tables[1].rows] == [True] * 3
    bad = [row(way, mae=99.0, expected_doubled=0.5, p90_doubled=0.5) for way in ways[1:]]
    missed = poisoning_report("x", [row(BEFORE), *bad], ())
    assert [one["met"] for one in missed.tables[1].rows] == [False] * 3

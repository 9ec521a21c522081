"""Predictions remembered until their lengths are reported."""

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from predictor_service.drift.outstanding import OutstandingPredictions

LEVELS = (0.05, 0.5, 0.95)


def query(prompt="hi", model="llm", max_tokens=None):
    return Query(prompt, model, max_tokens=max_tokens)


def report(prompt="hi", model="llm", max_tokens=None):
    return HistoryRecord(prompt, 10, model, max_tokens=max_tokens)


def test_a_report_finds_what_was_predicted_of_its_prompt_llm_and_limit():
    outstanding = OutstandingPredictions()
    outstanding.computed(query(max_tokens=50), "v1", LEVELS, (1.0, 2.0, 3.0))
    assert outstanding.take(report()) is None
    assert outstanding.take(report(model="other", max_tokens=50)) is None
    found = outstanding.take(report(max_tokens=50))
    assert found is not None
    assert (found.version, list(found.tokens)) == ("v1", [1, 2, 3])


def test_each_prediction_is_scored_once():
    outstanding = OutstandingPredictions()
    outstanding.computed(query(), "v1", LEVELS, (1.0, 2.0, 3.0))
    assert outstanding.repeated(query())
    assert [outstanding.take(report()) is None for _ in range(3)] == [False, False, True]
    assert len(outstanding) == 0


def test_an_answer_from_the_cache_is_to_be_told_anew_after_the_first_was_scored():
    outstanding = OutstandingPredictions()
    outstanding.computed(query(), "v1", LEVELS, (1.0, 2.0, 3.0))
    outstanding.take(report())
    assert not outstanding.repeated(query())
    outstanding.computed(query(), "v7", LEVELS, (4.0, 5.0, 6.0))
    found = outstanding.take(report())
    assert found is not None
    assert (found.version, list(found.levels), list(found.tokens)) == ("v7", [*LEVELS], [4, 5, 6])


def test_the_oldest_are_forgotten_when_there_are_too_many():
    outstanding = OutstandingPredictions(capacity=2)
    for prompt in ("one", "two", "three"):
        outstanding.computed(query(prompt), "v1", LEVELS, (1.0, 2.0, 3.0))
    assert len(outstanding) == 2
    assert outstanding.take(report("one")) is None


def test_what_is_too_old_belongs_to_another_request():
    now_s = 0.0
    outstanding = OutstandingPredictions(max_age_s=60, clock=lambda: now_s)
    outstanding.computed(query(), "v1", LEVELS, (1.0, 2.0, 3.0))
    now_s = 61.0
    assert outstanding.take(report()) is None

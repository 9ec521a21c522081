"""Predictions remembered until their lengths are reported."""

import pytest

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.drift.outstanding import GivenPredictions

LEVELS = (0.05, 0.5, 0.95)


def query(prompt="hi", model="llm", max_tokens=None):
    return Query(prompt, model, max_tokens)


def report(prompt="hi", model="llm", max_tokens=None):
    return HistoryRecord(prompt, 10, model, max_tokens=max_tokens)


def body(version="v1", tokens=(1.0, 2.0, 3.0)):
    return pb.PredictResponse(
        distribution=pb.LengthDistribution(levels=LEVELS, tokens=tokens), index_version=version
    ).SerializeToString()


def test_a_report_finds_what_was_predicted_of_its_prompt_llm_and_limit():
    given = GivenPredictions()
    given.computed(query(max_tokens=50), "v1", LEVELS, (1.0, 2.0, 3.0))
    assert given.take(report()) is None
    assert given.take(report(model="other", max_tokens=50)) is None
    found = given.take(report(max_tokens=50))
    assert found is not None
    assert (found.version, list(found.tokens)) == ("v1", [1, 2, 3])


def test_each_prediction_is_judged_once():
    given = GivenPredictions()
    given.computed(query(), "v1", LEVELS, (1.0, 2.0, 3.0))
    given.repeated(query(), body())
    assert [given.take(report()) is None for _ in range(3)] == [False, False, True]
    assert len(given) == 0


def test_an_answer_from_the_cache_is_remembered_after_the_first_was_judged():
    given = GivenPredictions()
    given.repeated(query(), body("v7", (4.0, 5.0, 6.0)))
    found = given.take(report())
    assert found is not None
    assert (found.version, list(found.tokens)) == ("v7", [4, 5, 6])
    assert list(found.levels) == pytest.approx(LEVELS)


def test_the_oldest_are_forgotten_when_there_are_too_many():
    given = GivenPredictions(capacity=2)
    for prompt in ("one", "two", "three"):
        given.computed(query(prompt), "v1", LEVELS, (1.0, 2.0, 3.0))
    assert len(given) == 2
    assert given.take(report("one")) is None


def test_what_is_too_old_belongs_to_another_request():
    now_s = 0.0
    given = GivenPredictions(max_age_s=60, clock=lambda: now_s)
    given.computed(query(), "v1", LEVELS, (1.0, 2.0, 3.0))
    now_s = 61.0
    assert given.take(report()) is None

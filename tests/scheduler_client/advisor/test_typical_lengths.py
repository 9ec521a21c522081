"""The length that a request without a prediction is taken for."""

import pytest

from lengthwise.index_info import ModelInfo
from scheduler_client.advisor.typical_lengths import START_TOKENS, TypicalLengths, mean_tokens


def test_an_llm_nothing_is_known_of_starts_at_a_sensible_value():
    typical = TypicalLengths()
    assert (typical.of_models(), typical.of_all_tokens) == ({}, START_TOKENS)


def test_it_is_the_mean_of_the_llms_own_answers():
    typical = TypicalLengths()
    for tokens in (10, 20, 30):
        typical.add("short", tokens)
        typical.add("long", 10 * tokens)
    assert typical.of_models() == {"short": 20, "long": 200}


def test_an_unknown_llm_is_taken_for_the_mean_of_all():
    typical = TypicalLengths()
    for _ in range(2_000):
        typical.add("llm", 40)
    assert typical.of_all_tokens == pytest.approx(40, rel=0.01)


def test_old_answers_are_forgotten():
    typical = TypicalLengths()
    for _ in range(1_000):
        typical.add("llm", 10)
    for _ in range(2_000):
        typical.add("llm", 500)
    assert typical.of_models()["llm"] == pytest.approx(500, rel=0.01)


def test_the_predictors_history_is_the_start_and_own_answers_outgrow_it():
    typical = TypicalLengths()
    typical.seed([ModelInfo("llm", 1_000, 100.0, 100.0)])
    assert typical.of_models()["llm"] == 100
    assert typical.of_all_tokens == 100
    for _ in range(200):
        typical.add("llm", 20)
    assert typical.of_models()["llm"] < 30


def test_the_history_does_not_override_what_was_seen_here():
    typical = TypicalLengths()
    typical.add("llm", 20)
    typical.seed([ModelInfo("llm", 1_000, 100.0, 300.0)])
    assert typical.of_models()["llm"] == 20


def test_the_mean_of_spread_lengths_lies_between_median_and_ninety_percent():
    assert 100 < mean_tokens(ModelInfo("llm", 10, 100.0, 300.0)) < 300
    assert mean_tokens(ModelInfo("llm", 10, 100.0, 100.0)) == 100
    assert mean_tokens(ModelInfo("llm", 10, 1.0, 1_000_000.0)) <= 1_000_000


def test_llms_are_remembered_within_a_bound_and_the_busy_ones_longest():
    typical = TypicalLengths(max_models=10)
    for number in range(1_000):
        typical.add("busy", 7)
        typical.add(f"llm-{number}", 100)
    assert len(typical.of_models()) == 10
    assert typical.of_models()["busy"] == 7

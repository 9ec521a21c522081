"""Predictors side by side: the served one, the constant one and the LLM's own chance."""

import json
from dataclasses import replace

import numpy as np
import pytest

from index_builder.builder import BuildOptions, build_index
from index_builder.evaluation import (
    Evaluation,
    constant_predictions,
    evaluate_index,
)
from index_builder.split import is_held_out
from length_index.errors import InvalidInputError
from length_index.index import LengthIndex
from length_index.record import HistoryRecord
from length_index.rows import HistoryRows
from tests.length_index.fakes import BagOfWords, Source, index_of, topic_history


@pytest.fixture(scope="module")
def index():
    return index_of(topic_history(400))


def evaluate(index, records):
    return evaluate_index(index, records, protocol="test")


def test_the_served_predictor_beats_the_constant_on_rows_it_can_tell_apart(index):
    evaluation = evaluate(index, topic_history(300, seed=9))
    served, constant = evaluation.metrics["retrieval"], evaluation.metrics["constant_median"]
    assert served.kendall_tau_b > 0.8
    assert served.mae < constant.mae / 3
    assert constant.kendall_tau_b is None
    assert evaluation.predictor == "retrieval"


def test_the_constant_predictor_says_the_median_and_its_intervals_cover_the_history():
    rows = HistoryRows.from_records(HistoryRecord("p", n) for n in range(1, 1_001))
    constant = constant_predictions(rows, [""])
    assert constant.point[0] == pytest.approx(500, rel=0.02)
    assert constant.interval_50[0][0] == pytest.approx(250, rel=0.03)
    assert constant.interval_50[1][0] == pytest.approx(750, rel=0.03)
    assert constant.interval_90[0][0] == pytest.approx(50, rel=0.1)
    assert constant.interval_90[1][0] == pytest.approx(950, rel=0.03)


def test_the_constant_predictor_knows_the_llm_but_no_prompt():
    records = [HistoryRecord("p", n, m) for m, n in (("a", 99), ("b", 999)) for _ in range(500)]
    constant = constant_predictions(HistoryRows.from_records(records), ["b", "a", "b", "new"])
    assert constant.point[0] == constant.point[2] > 700
    assert constant.point[1] < 150 < constant.point[3]


def test_cut_off_rows_are_counted_and_left_out(index):
    records = topic_history(100, seed=9)
    records = [replace(r, finish_reason="length") if i < 30 else r for i, r in enumerate(records)]
    evaluation = evaluate(index, records)
    assert evaluation.censored_rows == 30
    assert evaluation.metrics["retrieval"].rows == 70


def test_a_chunk_of_nothing_but_cut_off_rows_is_passed_over(index, monkeypatch):
    monkeypatch.setattr("index_builder.evaluation.CHUNK_ROWS", 10)
    records = topic_history(30, seed=9)
    records = [replace(r, finish_reason="length") if i < 10 else r for i, r in enumerate(records)]
    told = []
    evaluation = evaluate_index(index, records, protocol="", on_progress=told.append)
    assert evaluation.metrics["retrieval"].rows == 20
    assert told == [10, 10, 10]


def test_with_nothing_but_cut_off_rows_there_is_nothing_to_evaluate(index):
    records = [replace(r, finish_reason="length") for r in topic_history(12)]
    with pytest.raises(InvalidInputError) as caught:
        evaluate(index, records)
    assert str(caught.value) == (
        "nothing to evaluate: all 12 rows are censored (cut off at a limit)"
    )


def test_without_rows_there_is_nothing_to_evaluate(index):
    with pytest.raises(InvalidInputError, match="nothing to evaluate: no row to predict"):
        evaluate(index, [])


def test_prompts_that_are_in_the_index_are_counted(index):
    records = [*topic_history(10), *topic_history(25, seed=9)]
    assert evaluate(index, records).seen_prompts == 10


def test_prompts_that_are_in_the_index_are_counted_without_its_text_too(tmp_path):
    options, encoder = BuildOptions(keep_text=False), BagOfWords()
    path = build_index(topic_history(60), tmp_path / "s", encoder, options).path
    index = LengthIndex.load(path, encoder=encoder, device="cpu")
    assert evaluate(index, [*topic_history(10), *topic_history(25, seed=9)]).seen_prompts == 10


def test_confidence_is_beside_the_share_that_it_is_meant_to_be(index):
    evaluation = evaluate(index, topic_history(400, seed=9))
    assert evaluation.mean_confidence == pytest.approx(evaluation.within_factor_2, abs=0.05)


def test_an_interval_beyond_the_levels_of_the_index_is_not_claimed():
    levels = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    evaluation = evaluate(index_of(topic_history(200), levels=levels), topic_history(50, seed=9))
    assert evaluation.metrics["retrieval"].coverage_90 is None
    assert evaluation.metrics["retrieval"].coverage_50 is not None


def with_draws(tokens, *samples):
    return HistoryRecord(f"prompt {tokens} {samples}", tokens, samples=samples)


def test_the_noise_ceiling_is_how_well_other_draws_predict(index):
    records = [with_draws(n, n + 10, n + 30) for n in (10, 200, 40, 900)]
    metrics = evaluate(index, [*records, HistoryRecord("no draws", 50)]).metrics
    assert metrics["another_draw"].rows == 4
    assert metrics["another_draw"].mae == 10
    assert metrics["another_draw"].kendall_tau_b == pytest.approx(1)
    assert metrics["mean_of_other_draws"].mae == 20
    assert metrics["another_draw"].coverage_90 is None


def test_without_draws_there_is_no_noise_ceiling(index):
    assert set(evaluate(index, topic_history(20)).metrics) == {"retrieval", "constant_median"}


def test_an_evaluation_survives_being_written_as_json(index):
    evaluation = evaluate(index, [with_draws(n, n + 10) for n in (10, 200, 40, 900)])
    assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) == evaluation


def test_about_the_share_asked_for_is_held_out_and_the_same_rows_each_time():
    records = [HistoryRecord(f"prompt {i}", 1) for i in range(2_000)]
    first = [is_held_out(r, 0.2) for r in records]
    assert np.mean(first) == pytest.approx(0.2, abs=0.03)
    assert first == [is_held_out(r, 0.2) for r in records]
    assert first != [is_held_out(r, 0.2, seed=1) for r in records]


def test_rows_of_one_group_or_one_prompt_are_held_out_together():
    by_group = Source(HistoryRecord(f"p{i}", i, group=f"g{i // 10}") for i in range(500))
    by_prompt = Source(HistoryRecord(f"p{i // 10}", i) for i in range(500))
    for records in (by_group, by_prompt):
        sides = [is_held_out(r, 0.5) for r in records]
        assert all(len(set(sides[i : i + 10])) == 1 for i in range(0, 500, 10))
        assert set(sides) == {True, False}

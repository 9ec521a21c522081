"""Predictors side by side: the served one, the constant one and the LLM's own chance."""

import json
from dataclasses import replace

import numpy as np
import pytest

from index_builder.baselines.median import MedianBaseline
from index_builder.build.builder import BuildOptions, build_index
from index_builder.evaluation.evaluation import Evaluation, evaluate_index
from index_builder.evaluation.metrics import PredictedLengths
from index_builder.evaluation.quantiles import constant_predictions
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from tests.lengthwise.index.fakes import BagOfWords, index_of, topic_history


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
    records = [HistoryRecord(f"p{i}", n, m) for m, n in (("a", 99), ("b", 999)) for i in range(500)]
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
    monkeypatch.setattr("index_builder.evaluation.evaluation.CHUNK_ROWS", 10)
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


def test_an_evaluation_written_before_there_were_parts_can_still_be_read(index):
    content = evaluate(index, topic_history(50, seed=9)).to_dict()
    for name in ("by_model", "coverage_90_by_decile", "missing_peers"):
        del content[name]
    for name in ("retrieval", "constant_median"):
        del content[name]["class_accuracy"]
        del content[name]["shortest_first_gain"]
    read = Evaluation.from_dict(content)
    assert read.by_model == {}
    assert read.coverage_90_by_decile == (None,) * 10
    assert read.metrics["retrieval"].class_accuracy is None


def test_every_predictor_has_an_accuracy_over_length_classes(index):
    metrics = evaluate(index, topic_history(300, seed=9)).metrics
    assert metrics["retrieval"].class_accuracy > 0.6
    assert metrics["constant_median"].class_accuracy == pytest.approx(0.25, abs=0.05)


class Spy:
    """A baseline that keeps what it is asked about, and answers with the prompt's length."""

    name = "spy"

    def __init__(self):
        self.records, self.vectors = [], []

    def fit(self, records, vectors):
        raise AssertionError("a baseline is fitted before it is asked")

    def predict(self, records, vectors):
        self.records += records
        self.vectors += list(vectors)
        return PredictedLengths(np.array([float(len(r.prompt)) for r in records]))


def test_a_baseline_is_asked_about_the_same_rows_without_their_answers(index, monkeypatch):
    monkeypatch.setattr("index_builder.evaluation.evaluation.CHUNK_ROWS", 8)
    records = [replace(r, samples=(3, 4)) for r in topic_history(20, seed=9)]
    records[5] = replace(records[5], finish_reason="length")
    spy = Spy()
    evaluation = evaluate_index(index, records, protocol="", predictors=[spy])
    known = [r for r in records if not r.censored]
    assert [r.prompt for r in spy.records] == [r.prompt for r in known]
    assert {(r.output_tokens, r.samples) for r in spy.records} == {(0, ())}
    assert np.array_equal(spy.vectors, BagOfWords().encode([r.prompt for r in known]))
    errors = [abs(len(r.prompt) - r.output_tokens) for r in known]
    assert evaluation.metrics["spy"].mae == pytest.approx(np.mean(errors))


def test_the_intervals_of_a_baseline_are_measured_over_all_chunks(index, monkeypatch):
    monkeypatch.setattr("index_builder.evaluation.evaluation.CHUNK_ROWS", 8)
    history = topic_history(400)
    baseline = MedianBaseline()
    baseline.fit(history, BagOfWords().encode([r.prompt for r in history]))
    found = evaluate_index(index, topic_history(200, seed=9), protocol="", predictors=[baseline])
    assert found.metrics["median"].coverage_90 == pytest.approx(0.9, abs=0.06)
    assert found.metrics["median"].coverage_50 == pytest.approx(0.5, abs=0.1)


def test_the_rows_asked_about_are_kept_for_pictures(index):
    records = [*topic_history(12, seed=9), with_draws(40, 50, 70), with_draws(90, 95)]
    evaluation = evaluate_index(index, records, protocol="", predictors=[Spy()])
    rows = evaluation.asked
    assert rows.truth.tolist() == [r.output_tokens for r in records]
    assert rows.models == tuple(r.model for r in records)
    assert rows.quantile_levels == index.manifest.quantile_levels
    assert rows.quantile_tokens.shape == (14, len(rows.quantile_levels))
    assert set(rows.points) == set(evaluation.metrics)
    middle = rows.quantile_levels.index(0.5)
    assert rows.points["retrieval"] == pytest.approx(rows.quantile_tokens[:, middle])
    assert rows.confidence.mean() == pytest.approx(evaluation.mean_confidence)
    assert rows.points["another_draw"][-2:].tolist() == [50, 95]
    assert np.isnan(rows.points["another_draw"][:12]).all()
    assert "asked" not in evaluation.to_dict()


def test_the_parts_of_an_evaluation_are_those_of_the_served_predictor(index):
    mixed = [*topic_history(100, seed=9), *topic_history(60, seed=8, model="new")]
    evaluation = evaluate(index, mixed)
    assert {name: a.rows for name, a in evaluation.by_model.items()} == {"llm": 100, "new": 60}
    by_row = np.mean(evaluation.coverage_90_by_decile)  # all tenths have 16 rows
    assert by_row == pytest.approx(evaluation.metrics["retrieval"].coverage_90)

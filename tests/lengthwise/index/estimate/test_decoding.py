"""What the temperature of the sampling changes: repeats of a prompt, and nothing else."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.calibration import Calibration
from lengthwise.index.estimate.decoding import Decoding, decoding_at
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.fitting import FittedEstimator
from lengthwise.index.estimate.retrieval import RetrievalParameters
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from tests.lengthwise.index.fakes import Source, index_of, topic_history

ASKED = "a prompt that is asked again and again"
GREEDY, SAMPLED = 0.0, 0.7
PLAIN = FittedEstimator(RetrievalParameters(), Calibration.identity())


def answers(*given, model="llm"):
    """Rows of the prompt asked for, each with a length and a temperature."""
    return [
        HistoryRecord(ASKED, tokens, model, f"{model}-again-{i}", temperature=temperature)
        for i, (tokens, temperature) in enumerate(given)
    ]


def index_with(*rows, fitted=PLAIN):
    return index_of([*topic_history(200), *rows], fitted=fitted)


def estimate(index, temperature=None, model="llm", prompt=ASKED):
    (answer,) = index.predict([Query(prompt, model, temperature=temperature)])
    return answer


def weighing(**parameters):
    return replace(PLAIN, parameters=RetrievalParameters(**parameters))


@pytest.mark.parametrize(
    ("temperature", "decoding"),
    [(None, Decoding.UNKNOWN), (0.0, Decoding.GREEDY), (0, Decoding.GREEDY), (1e-3, 0), (2, 0)],
)
def test_only_temperature_zero_is_greedy(temperature, decoding):
    assert decoding_at(temperature) == decoding


@pytest.mark.parametrize("temperature", [-0.1, 100.1, float("nan"), float("inf")])
def test_a_temperature_out_of_range_is_refused(temperature):
    with pytest.raises(InvalidInputError, match=f"temperature is {temperature:g}: expected 0 to"):
        HistoryRecord("p", 1, temperature=temperature)


def test_a_greedy_answer_outweighs_the_sampled_ones_where_greedy_decoding_is_asked_for():
    index = index_with(*answers((700, GREEDY), *[(100, SAMPLED)] * 6))
    assert estimate(index, GREEDY).median_tokens == pytest.approx(700, rel=0.01)
    assert estimate(index, SAMPLED).median_tokens == pytest.approx(100, rel=0.01)
    assert estimate(index).median_tokens == pytest.approx(100, rel=0.01)


def test_greedy_answers_that_agree_leave_little_doubt():
    index = index_with(*answers(*[(700, GREEDY)] * 5, (100, SAMPLED), (900, SAMPLED)))
    told, untold = (estimate(index, t).quantile_tokens for t in (GREEDY, None))
    assert (told[0], told[-1]) == pytest.approx((700, 700), rel=1e-3)
    assert untold[-1] - untold[0] > 100


def test_another_llms_greedy_answer_says_no_more_than_its_sampled_ones():
    rows = [*answers((100, SAMPLED)), *answers((700, GREEDY), model="other")]
    index = index_with(*rows)
    assert estimate(index, GREEDY, "llm").quantile_tokens == estimate(index).quantile_tokens


@pytest.mark.parametrize("model", ["", "never-seen"])
def test_where_the_llm_is_open_or_new_no_greedy_answer_is_its_own(model):
    rows = [*answers((100, SAMPLED)), *answers((700, GREEDY), model="other")]
    index = index_with(*rows)
    told, untold = (estimate(index, t, model) for t in (GREEDY, None))
    assert told == untold


def test_without_names_of_llms_all_answers_are_of_one():
    rows = [replace(row, model="") for row in answers((700, GREEDY), *[(100, SAMPLED)] * 6)]
    index = index_of([replace(r, model="") for r in topic_history(200)] + rows, fitted=PLAIN)
    assert estimate(index, GREEDY, "").median_tokens == pytest.approx(700, rel=0.01)


def test_a_form_with_another_slot_is_not_the_prompt_once_more():
    slots = [f"{ASKED} in form {i}" for i in range(2)]
    rows = [replace(row, prompt=slots[0]) for row in answers((700, GREEDY))]
    index = index_with(*rows)
    told, untold = (estimate(index, t, prompt=slots[1]) for t in (GREEDY, None))
    assert told.nearness < 0.97
    assert told.median_tokens == pytest.approx(untold.median_tokens, rel=1e-6)


def test_repeats_that_were_decoded_otherwise_weigh_less_where_that_was_fitted():
    rows = answers(*[(100, SAMPLED)] * 5, *[(700, GREEDY)] * 6)
    index = index_with(*rows, fitted=weighing(other_decoding_weight=0.3))
    assert estimate(index).median_tokens == pytest.approx(700, rel=0.01)
    assert estimate(index, SAMPLED).median_tokens == pytest.approx(100, rel=0.01)


def test_what_is_unknown_on_either_side_changes_no_number():
    known, unknown = (
        index_of([replace(r, temperature=t) for r in topic_history(200)] + answers((700, t)))
        for t in (GREEDY, None)
    )
    assert estimate(known) == estimate(unknown) == estimate(unknown, GREEDY)


def test_histories_of_both_kinds_are_fitted_as_ever_for_those_who_tell_nothing():
    plain = topic_history(400)
    mixed = Source(replace(r, temperature=0.7 * (i % 2)) for i, r in enumerate(plain))
    asked = [Query(r.prompt, r.model) for r in plain[:40]]
    assert index_of(mixed).predict(asked) == index_of(plain).predict(asked)


def test_how_much_less_other_repeats_count_is_fitted_where_the_history_has_both_kinds():
    # Sampled, this LLM says two to three times what it says greedily.
    rng = np.random.default_rng(0)
    rows = [
        replace(r, id=f"{r.id}-{k}", output_tokens=round(r.output_tokens * factor), temperature=t)
        for r in topic_history(150)
        for k, (t, factor) in enumerate(
            [(GREEDY, 1.0), (GREEDY, 1.0), *[(SAMPLED, f) for f in rng.uniform(2, 3, 2)]]
        )
    ]
    assert index_of(rows)._estimator.parameters.other_decoding_weight == 0.3
    greedy = [r for r in rows if r.temperature == GREEDY]
    assert index_of(greedy)._estimator.parameters.other_decoding_weight == 1.0


def test_one_answer_of_either_kind_cannot_tell_how_they_compare():
    # To weigh the only repeat less would be to weigh prompts more that are merely near.
    rows = [
        replace(r, id=f"{r.id}-{t}", output_tokens=round(r.output_tokens * factor), temperature=t)
        for r in topic_history(150)
        for t, factor in ((GREEDY, 1.0), (SAMPLED, 3.0))
    ]
    assert index_of(rows)._estimator.parameters.other_decoding_weight == 1.0


def test_where_the_draws_of_a_prompt_are_one_group_nothing_is_fitted_of_repeats():
    rows = [
        replace(r, id=f"{r.id}-{t}", group=r.id, temperature=t)
        for r in topic_history(100)
        for t in (GREEDY, SAMPLED)
    ]
    assert index_of(rows)._estimator.parameters.other_decoding_weight == 1.0


def test_a_recent_row_counts_by_its_temperature_as_a_row_of_the_build_does():
    rows = answers((700, GREEDY), *[(100, SAMPLED)] * 6)
    built, learnt = index_with(*rows), index_with()
    learnt.learn(rows)
    for temperature in (GREEDY, SAMPLED, None):
        expected = estimate(built, temperature).median_tokens
        assert estimate(learnt, temperature).median_tokens == pytest.approx(expected, rel=0.02)


def test_temperatures_are_kept_in_the_rows_and_absent_ones_stay_unknown(tmp_path):
    rows = HistoryRows.from_records(answers((1, 0.0), (2, 0.7), (3, None)))
    pq.write_table(rows.table, tmp_path / "rows.parquet")
    read = HistoryRows.read(tmp_path / "rows.parquet")
    assert read.table.column("temperature").to_pylist() == [0.0, 0.7, None]
    assert read.decodings.tolist() == [Decoding.GREEDY, Decoding.SAMPLED, Decoding.UNKNOWN]


def test_rows_written_before_there_were_temperatures_are_read_as_unknown(tmp_path):
    table = HistoryRows.from_records(answers((3, 0.0))).table.drop_columns("temperature")
    pq.write_table(table, tmp_path / "rows.parquet")
    read = HistoryRows.read(tmp_path / "rows.parquet")
    assert read.decodings.tolist() == [Decoding.UNKNOWN]
    assert read.output_tokens.tolist() == [3]

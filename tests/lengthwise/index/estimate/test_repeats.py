"""A prompt that is asked again and again is evidence for itself, and rules nothing else."""

import numpy as np
import pytest

from index_builder.build.builder import build_index
from index_builder.evaluation.evaluation import evaluate_index
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.prior import LengthPrior
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows, first_of_each, rows_to_table
from tests.lengthwise.index.fakes import BagOfWords, Source, topic_history

PROBE = "ping are you there"
PROBES = 1_500
PEOPLE = 400


def probed_history() -> Source:
    """People's prompts, and a probe that asks many times as often and gets one token."""
    probes = (HistoryRecord(PROBE, 1, "llm", f"probe-{i}") for i in range(PROBES))
    return Source([*topic_history(PEOPLE), *probes])


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> LengthIndex:
    folder = tmp_path_factory.mktemp("probed")
    return LengthIndex.load(
        build_index(probed_history(), folder / "s", BagOfWords()).path,
        encoder=BagOfWords(),
        device="cpu",
    )


def test_rows_are_repeats_if_prompt_llm_and_decoding_are_the_same() -> None:
    records = [
        HistoryRecord("a", 1, "m"),
        HistoryRecord("a", 2, "m"),
        HistoryRecord("a", 3, "other"),
        HistoryRecord("a", 4, "m", temperature=0.0),
        HistoryRecord("a", 5, "m", temperature=0.7),
        HistoryRecord("a", 6, "m", temperature=1.0),
        HistoryRecord("b", 7, "m"),
    ]
    rows = HistoryRows.from_records(records)
    assert rows.repeat_counts.tolist() == [2, 2, 1, 1, 2, 2, 1]
    assert first_of_each(rows.repeat_codes).tolist() == [1, 0, 1, 1, 1, 0, 1]


def test_rows_without_their_text_are_no_repeats_of_each_other() -> None:
    table = rows_to_table([HistoryRecord("a", 1), HistoryRecord("b", 2)], keep_text=False)
    assert HistoryRows(table).repeat_counts.tolist() == [1, 1]


def test_an_index_without_rows_has_no_repeats() -> None:
    assert HistoryRows.from_records([]).repeat_counts.tolist() == []


def test_the_prior_counts_prompts_and_not_how_often_each_was_asked() -> None:
    people = list(topic_history(PEOPLE))
    once = LengthPrior.from_rows(
        HistoryRows.from_records([*people, HistoryRecord(PROBE, 1, "llm")])
    )
    often = LengthPrior.from_rows(HistoryRows.from_records(list(probed_history())))
    assert np.expm1(np.median(often.pooled)) == pytest.approx(
        np.expm1(np.median(once.pooled)), rel=0.02
    )


def test_intervals_of_new_prompts_cover_them_as_if_there_were_no_probe(
    probed: LengthIndex,
) -> None:
    evaluation = evaluate_index(probed, topic_history(200, seed=5), protocol="new prompts")
    metrics = evaluation.metrics[evaluation.predictor]
    assert metrics.coverage_90 is not None
    assert metrics.coverage_90 > 0.8


def test_the_probe_itself_is_still_known(probed: LengthIndex) -> None:
    estimate = probed.predict([Query(PROBE, "llm")])[0]
    assert estimate.expected_tokens < 3


def test_a_prompt_that_is_merely_near_the_probe_is_not_taken_for_it(probed: LengthIndex) -> None:
    query = Query("ping are filler1 filler2 filler3 filler4", "llm")
    estimate = probed.predict([query])[0]
    assert estimate.quantile_tokens[-1] > 100
    assert estimate.expected_tokens > 20


def test_an_evaluation_asks_about_each_prompt_once(probed: LengthIndex) -> None:
    asked = [*topic_history(50, seed=9), *[HistoryRecord(PROBE, 1, "llm")] * 500]
    evaluation = evaluate_index(probed, asked, protocol="a log")
    assert evaluation.metrics[evaluation.predictor].rows == 51
    assert evaluation.protocol == "a log; 499 rows that repeat a prompt are not asked about again"

"""An index follows a change of lengths: its calibration can be that of the newest rows."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.estimate.held_out import HeldOutRows
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from tests.lengthwise.index.fakes import BagOfWords, index_of, topic_history

FACTOR = 1.5


def fit(records, encoder, newest):
    vectors = encoder.encode([r.prompt for r in records])
    rows = HistoryRows.from_records(records)
    searcher = Searcher(VectorIndex.build(vectors), rows)
    return fit_estimator(vectors, rows, searcher, newest=newest)


def coverage(newest):
    """Of 90 % intervals for prompts of after the change, three rows in four being from before."""
    records = [*topic_history(600), *topic_history(200, seed=1, factor=FACTOR)]
    encoder = BagOfWords()
    fitted = fit(records, encoder, newest).estimator
    asked = topic_history(200, seed=2, factor=FACTOR)
    answers = index_of(records, encoder, fitted=fitted).predict([Query(r.prompt) for r in asked])
    inside = [
        answer.quantile_tokens[0] <= record.output_tokens <= answer.quantile_tokens[-1]
        for answer, record in zip(answers, asked, strict=True)
    ]
    return np.mean(inside)


def test_calibrated_on_the_newest_rows_intervals_cover_what_comes_after_a_change():
    assert coverage(HeldOutRows(np.arange(600, 800))) > 0.85
    assert coverage(None) < 0.8


def test_where_fewer_than_forty_of_the_newest_ended_it_is_calibrated_on_all_rows():
    cut = [replace(r, finish_reason="length") for r in topic_history(161, seed=1)]
    records = [*topic_history(600), *cut, *topic_history(39, seed=2)]
    newest = fit(records, BagOfWords(), HeldOutRows(np.arange(600, 800)))
    everything = fit(records, BagOfWords(), None)
    assert newest.estimator.calibration == everything.estimator.calibration
    assert newest.estimator.calibration.rows == 800


def test_rows_written_before_there_were_times_are_read_without_any(tmp_path):
    table = HistoryRows.from_records([HistoryRecord("p", 3)]).table.drop_columns("stored_unix_s")
    pq.write_table(table, tmp_path / "rows.parquet")
    rows = HistoryRows.read(tmp_path / "rows.parquet")
    assert rows.stored_unix_s.tolist() == [0]
    assert rows.output_tokens.tolist() == [3]

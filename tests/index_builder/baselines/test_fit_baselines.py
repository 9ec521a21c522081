"""Baselines learn from the very rows and vectors that an index holds."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from index_builder.baselines import fit_baselines as module
from index_builder.baselines.fit_baselines import fit_baselines
from index_builder.baselines.registry import BASELINES
from index_builder.build.builder import BuildOptions, build_index
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.rows import SCHEMA, HistoryRows
from lengthwise.index.store.manifest import TrainingFacts
from tests.lengthwise.index.fakes import BagOfWords, index_of, topic_history


class Remembering:
    """A baseline that keeps what it is fitted on."""

    name = "remembering"

    def fit(self, records, vectors):
        self.records, self.vectors = records, vectors


@pytest.fixture
def remembered(monkeypatch):
    monkeypatch.setitem(BASELINES, "remembering", lambda _: Remembering())

    def fit(index):
        return fit_baselines(index, ["remembering"]).baselines[0]

    return fit


def test_baselines_learn_from_the_rows_and_vectors_of_the_index(remembered):
    records = topic_history(60)
    baseline = remembered(index_of(records))
    assert baseline.records == records
    assert np.array_equal(baseline.vectors, BagOfWords().encode([r.prompt for r in records]))


def test_of_a_large_index_baselines_learn_from_a_sample_with_the_vectors_that_belong_to_it(
    remembered, monkeypatch
):
    monkeypatch.setattr(module, "BASELINE_ROWS", 25)
    monkeypatch.setattr(
        "lengthwise.index.search.vectors.ADD_ROWS", 16
    )  # so that vectors come in pieces
    baseline = remembered(index_of(topic_history(60)))
    assert len({record.id for record in baseline.records}) == 25
    vectors = BagOfWords().encode([r.prompt for r in baseline.records])
    assert baseline.vectors == pytest.approx(vectors, abs=1e-6)


def without_text(index, places):
    """The same index as if of some rows only the vectors had been reported."""
    prompts = index.rows.table.column("prompt").to_pylist()
    known = pa.array(["" if i in places else prompt for i, prompt in enumerate(prompts)])
    column = SCHEMA.get_field_index("prompt")
    table = index.rows.table.set_column(column, SCHEMA[column], known)
    index.rows = HistoryRows(table)
    return index


@pytest.mark.parametrize("most_rows", [100, 25])
def test_rows_of_which_only_vectors_are_known_are_no_rows_to_learn_from(
    remembered, monkeypatch, most_rows
):
    monkeypatch.setattr(module, "BASELINE_ROWS", most_rows)
    records = topic_history(60)
    baseline = remembered(without_text(index_of(records), set(range(0, 60, 3))))
    assert len(baseline.records) == min(most_rows, 40)
    assert not {r.id for r in baseline.records} & {r.id for r in records[::3]}
    vectors = BagOfWords().encode([r.prompt for r in baseline.records])
    assert baseline.vectors == pytest.approx(vectors, abs=1e-6)


def test_of_an_index_of_vectors_alone_baselines_are_left_out_and_it_says_why():
    index = without_text(index_of(topic_history(40)), set(range(40)))
    fitted = fit_baselines(index, ["median", "alise"])
    assert fitted.baselines == ()
    assert fitted.missing.startswith("median, alise left out: they learn from prompts, and all")


def test_without_prompts_in_the_index_baselines_are_left_out_and_it_says_why(tmp_path):
    encoder = BagOfWords()
    options = BuildOptions(keep_text=False)
    path = build_index(topic_history(40), tmp_path / "s", encoder, options).path
    index = LengthIndex.load(path, encoder=encoder, device="cpu")
    fitted = fit_baselines(index, ["median", "alise"])
    assert fitted.baselines == ()
    assert fitted.missing.startswith("median, alise left out: they learn from prompts")


def test_of_a_trained_index_baselines_start_from_the_model_before_its_training(monkeypatch):
    given = []
    monkeypatch.setitem(
        BASELINES, "remembering", lambda s: given.append(s.encoder) or Remembering()
    )
    index = index_of(topic_history(20))
    fit_baselines(index, ["remembering"])
    facts = TrainingFacts("base", 20, 2, 0, 1, 1, (0.5,), 0.1, 0)
    index.manifest = replace(index.manifest, training=facts)
    fit_baselines(index, ["remembering"])
    assert given == ["bag-of-words", "base"]


def test_no_baselines_are_no_work_and_nothing_is_missing():
    fitted = fit_baselines(index_of(topic_history(20)), [])
    assert (fitted.baselines, fitted.missing) == ((), "")


def test_each_fitting_is_told_as_a_stage():
    told = []
    fit_baselines(index_of(topic_history(30)), ["median", "lexical"], on_stage=told.append)
    assert told == ["Fitting median", "Fitting lexical"]

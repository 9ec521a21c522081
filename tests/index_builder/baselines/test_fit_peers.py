"""Peers learn from the very rows and vectors that an index holds."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.baselines import fit_baselines as module
from index_builder.baselines.fit_baselines import fit_peers, records_of
from index_builder.baselines.registry import PEERS
from index_builder.build.builder import BuildOptions, build_index
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.layout import TrainingFacts
from tests.lengthwise.index.fakes import BagOfWords, index_of, topic_history


class Remembering:
    """A peer that keeps what it is fitted on."""

    name = "remembering"

    def fit(self, records, vectors):
        self.records, self.vectors = records, vectors


@pytest.fixture
def remembered(monkeypatch):
    monkeypatch.setitem(PEERS, "remembering", lambda _: Remembering())

    def fit(index):
        return fit_peers(index, ["remembering"]).peers[0]

    return fit


def test_peers_learn_from_the_rows_and_vectors_of_the_index(remembered):
    records = topic_history(60)
    peer = remembered(index_of(records))
    assert peer.records == records
    assert np.array_equal(peer.vectors, BagOfWords().encode([r.prompt for r in records]))


def test_of_a_large_index_peers_learn_from_a_sample_with_the_vectors_that_belong_to_it(
    remembered, monkeypatch
):
    monkeypatch.setattr(module, "PEER_ROWS", 25)
    monkeypatch.setattr(
        "lengthwise.index.search.vectors.ADD_ROWS", 16
    )  # so that vectors come in pieces
    peer = remembered(index_of(topic_history(60)))
    assert len({record.id for record in peer.records}) == 25
    vectors = BagOfWords().encode([r.prompt for r in peer.records])
    assert peer.vectors == pytest.approx(vectors, abs=1e-6)


def test_rows_come_back_as_the_records_that_they_were():
    records = [
        HistoryRecord("a", 5, "m", "1", group="g"),
        HistoryRecord("b", 6, "", "2", finish_reason="length"),
    ]
    assert records_of(HistoryRows.from_records(records)) == records


def test_without_prompts_in_the_index_peers_are_left_out_and_it_says_why(tmp_path):
    encoder = BagOfWords()
    options = BuildOptions(keep_text=False)
    path = build_index(topic_history(40), tmp_path / "s", encoder, options).path
    index = LengthIndex.load(path, encoder=encoder, device="cpu")
    fitted = fit_peers(index, ["median", "alise"])
    assert fitted.peers == ()
    assert fitted.missing.startswith("median, alise left out: they learn from prompts")


def test_of_a_trained_index_peers_start_from_the_model_before_its_training(monkeypatch):
    given = []
    monkeypatch.setitem(PEERS, "remembering", lambda s: given.append(s.encoder) or Remembering())
    index = index_of(topic_history(20))
    fit_peers(index, ["remembering"])
    facts = TrainingFacts("base", 20, 2, 0, 1, 1, (0.5,), 0.1, 0)
    index.manifest = replace(index.manifest, training=facts)
    fit_peers(index, ["remembering"])
    assert given == ["bag-of-words", "base"]


def test_no_peers_are_no_work_and_nothing_is_missing():
    fitted = fit_peers(index_of(topic_history(20)), [])
    assert (fitted.peers, fitted.missing) == ((), "")


def test_each_fitting_is_told_as_a_stage():
    told = []
    fit_peers(index_of(topic_history(30)), ["median", "lexical"], on_stage=told.append)
    assert told == ["Fitting median", "Fitting lexical"]

"""Artifacts are written in one place, whoever brings rows and vectors: whole or not at all."""

import numpy as np
import pytest

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.rows import rows_to_table
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.artifact_reader import ArtifactReader
from lengthwise.index.store.artifact_writer import ArtifactFacts, ArtifactWriter
from lengthwise.index.store.manifest import EncoderIdentity
from tests.lengthwise.index.fakes import BagOfWords, topic_history

ENCODER = BagOfWords()
RECORDS = topic_history(120)
FACTS = ArtifactFacts(
    version="v1",
    encoder=EncoderIdentity.from_encoder(ENCODER),
    quantile_levels=(0.1, 0.5, 0.9),
    keeps_text=True,
    data_fingerprint="f",
    skipped_rows=3,
)


@pytest.fixture
def writer(tmp_path):
    (tmp_path / "artifact").mkdir()
    return ArtifactWriter(tmp_path / "artifact")


def written(writer, *parts):
    """The rows, as that many tables, and their vectors; gives what was fitted on them."""
    rows = writer.write_rows(rows_to_table(part, keep_text=True) for part in parts)
    matrix = ENCODER.encode([record.prompt for record in RECORDS])
    vectors = writer.write_vectors(VectorIndex.build(matrix))
    return fit_estimator(matrix, rows, Searcher(vectors, rows)).estimator


def test_what_was_written_in_parts_is_loaded_as_one_index(writer):
    fitted = written(writer, RECORDS[:50], RECORDS[50:])
    manifest = writer.finish(FACTS, fitted, {})
    index = LengthIndex.load(writer.layout.root, encoder=ENCODER, device="cpu")
    assert index.manifest == manifest
    assert (manifest.rows, manifest.skipped_rows, manifest.version) == (120, 3, "v1")
    assert [index.rows.id(i) for i in range(120)] == [record.id for record in RECORDS]
    assert index.predict([Query(RECORDS[7].prompt)])[0].nearness == pytest.approx(1)


def test_the_manifest_is_written_last(writer, monkeypatch):
    fitted = written(writer, RECORDS)

    def fail(self, path):
        raise OSError("the disk is full")

    monkeypatch.setattr(FittedEstimator, "save", fail)
    with pytest.raises(OSError, match="full"):
        writer.finish(FACTS, fitted, {})
    assert not writer.layout.exists()


def test_what_is_fitted_is_read_as_it_was(writer):
    fitted = written(writer, RECORDS)
    writer.finish(FACTS, fitted, {})
    assert ArtifactReader.from_folder(writer.layout.root).fitted() == fitted


def test_vectors_that_do_not_fit_the_rows_make_no_artifact(writer):
    writer.write_rows([rows_to_table(RECORDS, keep_text=True)])
    with pytest.raises(InvalidInputError, match="1 vectors for 120 rows: expected one for each"):
        writer.write_vectors(VectorIndex.build(np.ones((1, 64), np.float32)))
    assert not writer.layout.vectors.exists()


def test_an_artifact_without_vectors_is_not_finished(writer, tmp_path):
    fitted = written(writer, RECORDS)
    (tmp_path / "other").mkdir()
    other = ArtifactWriter(tmp_path / "other")
    other.write_rows([rows_to_table(RECORDS, keep_text=True)])
    with pytest.raises(InvalidInputError, match="needs rows and vectors"):
        other.finish(FACTS, fitted, {})
    assert not other.layout.exists()

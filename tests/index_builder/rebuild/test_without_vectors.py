"""One prompt that the encoder fails at is no reason to take in no other."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.errors import EncoderError
from lengthwise.index.search.rows import HistoryRows
from tests.index_builder.rebuild.conftest import new_records
from tests.lengthwise.index.fakes import topic_history


def without_vectors(encoder, monkeypatch, *prompts):
    encode = encoder.encode

    def encode_others(asked):
        vectors = encode(asked)
        vectors[[prompt in prompts for prompt in asked]] = np.nan
        return vectors

    monkeypatch.setattr(encoder, "encode", encode_others)


@pytest.mark.parametrize("place", [5, 199], ids=["of the earlier rows", "of those held out"])
def test_a_prompt_that_gets_no_vector_is_left_out_and_the_rest_published(
    loop, tmp_path, monkeypatch, place
):
    without_vectors(loop.encoder, monkeypatch, "poison")
    records = list(new_records(200))
    records[place] = replace(records[place], prompt="poison")
    loop.report(records)
    outcome = loop.run()
    assert (outcome.ending, outcome.new_rows) == (RoundEnding.PUBLISHED, 199)
    assert outcome.left_out == {"for which the encoder gave no finite vector": 1}
    assert outcome.comparison.rows == (49 if place == 199 else 50)
    index = loop.index(tmp_path)
    assert set(index.rows.table.column("id").to_pylist()) == {
        r.id for r in [*topic_history(400), *records] if r.prompt != "poison"
    }
    assert all(np.isfinite(piece).all() for piece in index.stored_vectors())


def test_the_vectors_of_rows_are_looked_at_once():
    rows = VectorRows(HistoryRows.from_records(topic_history(3)), np.ones((3, 2), np.float32))
    assert rows.finite is rows.finite


def test_where_none_that_is_held_out_gets_a_vector_nothing_goes_in_uncompared(loop, monkeypatch):
    without_vectors(loop.encoder, monkeypatch, "poison")
    before = loop.place.current()
    records = list(new_records(200))
    loop.report([*records[:150], *(replace(r, prompt="poison") for r in records[150:])])
    with pytest.raises(EncoderError, match="for none of the newest 50 rows"):
        loop.run()
    assert loop.place.current() == before


def test_a_first_version_needs_vectors_of_some_rows(empty_loop, monkeypatch):
    records = [replace(r, finish_reason="length") for r in new_records(100)]
    without_vectors(empty_loop.encoder, monkeypatch, *(r.prompt for r in records))
    empty_loop.report(records)
    with pytest.raises(EncoderError, match="a finite vector for none of 100 rows"):
        empty_loop.run()

"""Prompts that are over 2 GiB together."""

import numpy as np
import pyarrow as pa
import pytest

from lengthwise.index.search import texts
from lengthwise.index.search.rows import SCHEMA, HistoryRows, columns_to_table
from lengthwise.index.search.texts import take_texts

TEXT = "x" * (1 << 20)


def rows_over_2_gib():
    """33 pieces of 64 MiB, which are one and the same in memory."""
    count = 64
    columns = [
        [str(i) for i in range(count)],
        ["llm"] * count,
        [1] * count,
        [False] * count,
        [""] * count,
        [f"{i} {TEXT}" for i in range(count)],
        [0.0] * count,
        [None] * count,
        [None] * count,
    ]
    return pa.concat_tables([columns_to_table(columns)] * 33)


def test_rows_are_taken_from_prompts_that_are_over_2_gib_together():
    table = rows_over_2_gib()
    with pytest.raises(pa.ArrowInvalid, match="offset overflow"):
        table.take(pa.array([0, 2_000]))
    taken = HistoryRows(table).take([2_000, 0, 65])
    assert [prompt[:3] for prompt in taken.table.column("prompt").to_pylist()] == [
        "16 ",
        "0 x",
        "1 x",
    ]
    assert taken.table.schema == SCHEMA
    assert [taken.id(row) for row in range(3)] == ["16", "0", "1"]


def test_what_is_taken_lies_in_pieces_that_32_bits_can_count(monkeypatch):
    monkeypatch.setattr(texts, "PIECE_BYTES", 100)
    column = pa.chunked_array([[f"{i:030d}" for i in range(20)], [f"{i:030d}" for i in range(5)]])
    rng = np.random.default_rng(0)
    places = rng.integers(0, 25, 40)
    taken = take_texts(column, places)
    assert taken.to_pylist() == [column[int(place)].as_py() for place in places]
    assert max(sum(len(text) for text in piece.to_pylist()) for piece in taken.chunks) <= 100 + 30
    assert taken.type == pa.string()


@pytest.mark.parametrize("chunks", [[], [[]], [["a", "é" * 40, ""], []]])
def test_columns_of_any_number_of_pieces_are_taken_from(chunks):
    column = pa.chunked_array(chunks, pa.string())
    assert take_texts(column, np.arange(len(column))).to_pylist() == column.to_pylist()

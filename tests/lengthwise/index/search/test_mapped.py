"""Vectors in a file without a name are those that were put there."""

import numpy as np
import pytest

from lengthwise.index.search import mapped


@pytest.fixture(params=["in memory", "mapped"])
def limit(request, monkeypatch):
    """Both ways, in pieces of a few rows."""
    monkeypatch.setattr(mapped, "PIECE_ROWS", 7)
    if request.param == "mapped":
        monkeypatch.setattr(mapped, "IN_MEMORY_BYTES", 0)
    return request.param


def matrix(rows=50):
    return np.random.default_rng(0).random((rows, 4), np.float32)


def test_what_comes_in_pieces_is_one_matrix(limit):
    found = mapped.gathered(mapped.in_pieces(matrix()), 50)
    assert np.array_equal(found, matrix())
    assert isinstance(found, np.memmap) == (limit == "mapped")


def test_chosen_rows_come_in_the_order_given(limit):
    source = mapped.gathered(mapped.in_pieces(matrix()), 50)
    places = np.array([3, 3, 49, 0, *range(20, 40)])
    assert np.array_equal(mapped.taken(source, places), matrix()[places])
    assert np.array_equal(mapped.copied(source, places), matrix()[places])


def test_no_row_is_no_row(limit):
    assert mapped.taken(matrix(), np.array([], np.int64)).shape == (0, 4)


def test_a_blank_matrix_keeps_what_is_written_though_its_memory_is_let_go(limit):
    found = mapped.blank(50, 4)
    assert not found.any()
    for start in range(0, 50, 7):
        found[start : start + 7] = matrix()[start : start + 7]
        mapped.release(found)
    assert np.array_equal(found, matrix())

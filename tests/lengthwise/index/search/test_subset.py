"""Chosen rows, searched by themselves."""

import threading

import numpy as np
import pytest

from lengthwise.index.search.gpu_vectors import gpu_count, placed
from lengthwise.index.search.own_cells import own_cells as own_cells_module
from lengthwise.index.search.own_cells.own_cells import OwnCells
from lengthwise.index.search.plan import FLAT_ROWS, SearchPlan
from lengthwise.index.search.subset import FewRows, SelectedRows
from lengthwise.index.search.torch_vectors import TorchVectorIndex
from lengthwise.index.search.vectors import VectorIndex, recall_of
from tests.lengthwise.index.search.test_vectors import brute_force, clustered

EVERY = {FewRows: 30, OwnCells: 5, SelectedRows: 2}
"""Of so many rows of the large index one is chosen, for a subset of each kind."""


@pytest.fixture(scope="module")
def large():
    """Vectors beyond the exact size, and their index."""
    matrix = clustered(FLAT_ROWS + 1_000)
    return matrix, VectorIndex.build(matrix)


@pytest.fixture(params=EVERY, ids=lambda kind: kind.__name__)
def chosen(request, large):
    """Numbers of rows, and the subset of them, of each kind in turn."""
    matrix, index = large
    rows = np.arange(0, len(matrix), EVERY[request.param])
    subset = index.subset(rows)
    assert isinstance(subset, request.param)
    return rows, subset


def test_a_subset_of_a_small_index_finds_the_nearest_of_its_rows():
    matrix, queries = clustered(500), clustered(20, seed=1)
    rows = np.arange(0, 500, 7)
    _, found = VectorIndex.build(matrix).subset(rows).search(queries, 5)
    assert found.tolist() == rows[brute_force(matrix[rows], queries, 5)].tolist()


def test_a_subset_of_a_large_index_finds_its_own_rows_alone_and_most_of_the_nearest(large, chosen):
    matrix, _ = large
    rows, subset = chosen
    queries = clustered(100, seed=1)
    _, found = subset.search(queries, 16)
    assert len(subset) == len(rows)
    assert set(found.ravel().tolist()) <= {-1, *rows.tolist()}
    assert recall_of(found, rows[brute_force(matrix[rows], queries, 16)]) > 0.97


def test_similarities_within_a_subset_are_cosines(large, chosen):
    matrix, _ = large
    rows, subset = chosen
    similarities, found = subset.search(matrix[rows[:20]], 1)
    assert found[:, 0].tolist() == rows[:20].tolist()
    assert similarities[:, 0] == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("count", [3, 400])
def test_where_a_subset_holds_fewer_than_wanted_the_rest_is_minus_one(large, count):
    _, index = large
    _, found = index.subset(np.arange(count)).search(clustered(2, seed=1), count + 10)
    assert (np.sort(found, axis=1)[:, :10] == -1).all()


def test_rows_that_lie_far_from_a_query_are_found_nonetheless(large, monkeypatch):
    # In cells of the whole index they would all be beyond those that are visited.
    monkeypatch.setattr(own_cells_module, "VISITED_ROWS", 256)
    matrix, index = large
    query = clustered(1, seed=1)
    far = np.sort(np.argsort(matrix @ query[0])[:1_200])
    subset = index.subset(far)
    assert isinstance(subset, OwnCells)
    assert (subset.search(query, 16)[1] >= 0).all()


def test_a_subset_of_a_loaded_index_outlives_what_made_it(large, tmp_path):
    matrix, index = large
    index.save(tmp_path / "v.faiss")
    rows = np.arange(0, len(matrix), EVERY[OwnCells])
    subset = VectorIndex.load(tmp_path / "v.faiss", index.plan).subset(rows)
    assert subset.search(matrix[rows[:20]], 1)[1][:, 0].tolist() == rows[:20].tolist()


def test_several_threads_find_what_one_finds(chosen):
    _, subset = chosen
    queries = clustered(40, seed=2)
    alone = subset.search(queries, 8)[1].tolist()
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(subset.search(queries, 8)[1].tolist()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4


def test_the_search_by_pytorch_finds_what_the_exact_one_finds():
    matrix, queries = clustered(700), clustered(20, seed=1)
    index = TorchVectorIndex.from_pieces([matrix[:300], matrix[300:]], "cpu")
    similarities, found = index.search(queries, 10)
    assert len(index) == 700
    assert index.plan == SearchPlan()
    assert recall_of(found, brute_force(matrix, queries, 10)) > 0.99
    assert (np.diff(similarities, axis=1) <= 0).all(), "nearest first"
    assert similarities == pytest.approx(np.take_along_axis(queries @ matrix.T, found, 1), abs=2e-3)
    assert np.abs(np.concatenate(list(index.stored_vectors())) - matrix).max() < 1e-3


def test_the_search_by_pytorch_among_chosen_rows_finds_these_alone():
    matrix, queries = clustered(700), clustered(20, seed=1)
    rows = np.arange(0, 700, 7)
    subset = TorchVectorIndex.from_pieces([matrix], "cpu").subset(rows)
    _, found = subset.search(queries, 120)
    assert len(subset) == 100
    assert (found[:, 100:] == -1).all()
    assert recall_of(found[:, :10], rows[brute_force(matrix[rows], queries, 10)]) > 0.99


def test_many_queries_are_searched_by_pytorch_in_pieces(monkeypatch):
    monkeypatch.setattr("lengthwise.index.search.torch_vectors.SIMILARITIES_AT_ONCE", 2_100)
    matrix, queries = clustered(700), clustered(20, seed=1)
    found = TorchVectorIndex.from_pieces([matrix], "cpu").search(queries, 10)[1]
    assert recall_of(found, brute_force(matrix, queries, 10)) > 0.99


@pytest.mark.skipif(gpu_count() > 0, reason="here is a GPU, where vectors would go")
def test_where_there_is_no_gpu_vectors_stay_where_they_are():
    index = VectorIndex.build(clustered(50))
    assert placed(index, "auto") is index
    assert placed(index, "cpu") is index

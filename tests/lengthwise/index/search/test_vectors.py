"""FAISS behind `VectorIndex`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from lengthwise.index.errors import ArtifactAlteredError, InvalidInputError, MissingExtraError
from lengthwise.index.search import cells
from lengthwise.index.search import vectors as vectors_module
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.plan import FLAT_ROWS, SearchPlan
from lengthwise.index.search.vectors import (
    TARGET_RECALL,
    VectorIndex,
    exact_neighbours,
    far_rows,
    recall_of,
)
from tests.lengthwise.index.fakes import unit


def clustered(rows, *, dimension=48, clusters=150, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(clusters, dimension))
    noise = rng.normal(size=(rows, dimension))
    return unit(centres[rng.integers(clusters, size=rows)] + 0.6 * noise)


@pytest.fixture(scope="module")
def large():
    """Vectors beyond the exact size, and their index."""
    matrix = clustered(FLAT_ROWS + 1_000)
    return matrix, VectorIndex.build(matrix)


def brute_force(matrix, queries, k):
    return np.argsort(-(queries @ matrix.T), axis=1, kind="stable")[:, :k]


def test_up_to_its_size_the_search_is_exact():
    matrix, queries = clustered(500), clustered(20, seed=1)
    index = VectorIndex.build(matrix)
    similarities, rows = index.search(queries, 10)
    assert index.plan == SearchPlan("flat")
    assert rows.tolist() == brute_force(matrix, queries, 10).tolist()
    assert similarities == pytest.approx(np.take_along_axis(queries @ matrix.T, rows, 1), abs=1e-5)


def test_the_plan_changes_from_exact_to_cells_beyond_its_size():
    assert SearchPlan.for_size(FLAT_ROWS).kind == "flat"
    assert SearchPlan.for_size(FLAT_ROWS + 1).kind == "ivf"
    assert SearchPlan.for_size(1_000_000).cells == 4096


def test_beyond_its_size_the_search_reaches_its_recall_on_new_queries(large):
    matrix, index = large
    queries = clustered(300, seed=1)
    recall = recall_of(index.search(queries, 32)[1], brute_force(matrix, queries, 32))
    assert index.plan.kind == "ivf"
    assert index.plan.probes < index.plan.cells
    assert index.plan.measured_recall >= TARGET_RECALL
    assert recall >= 0.98


def test_similarities_of_the_approximate_search_are_cosines(large):
    matrix, index = large
    similarities, rows = index.search(matrix[:50], 1)
    assert rows[:, 0].tolist() == list(range(50))
    assert similarities[:, 0] == pytest.approx(1, abs=5e-3)


def test_where_fewer_rows_than_wanted_are_there_the_rest_is_minus_one():
    _, rows = VectorIndex.build(clustered(3)).search(clustered(2, seed=1), 5)
    assert (np.sort(rows, axis=1)[:, :2] == -1).all()
    assert (np.sort(rows, axis=1)[:, 2:] == [0, 1, 2]).all()


def test_a_saved_index_finds_the_same(large, tmp_path):
    _, index = large
    queries = clustered(20, seed=1)
    index.save(tmp_path / "v.faiss")
    loaded = VectorIndex.load(tmp_path / "v.faiss", index.plan)
    assert len(loaded) == len(index)
    assert loaded.dimension == index.dimension
    assert loaded.search(queries, 10)[1].tolist() == index.search(queries, 10)[1].tolist()


def test_the_stored_vectors_can_be_had_back(large):
    matrix, index = large
    assert np.abs(np.concatenate(list(index.stored_vectors())) - matrix).max() < 1e-2


def test_an_unreadable_file_says_so(tmp_path):
    (tmp_path / "v.faiss").write_bytes(b"no index")
    with pytest.raises(ArtifactAlteredError, match=r"v\.faiss is not a readable FAISS index"):
        VectorIndex.load(tmp_path / "v.faiss", SearchPlan())


def test_no_vectors_cannot_be_indexed():
    with pytest.raises(InvalidInputError, match="no vectors to index: expected at least one row"):
        VectorIndex.build(np.zeros((0, 4), np.float32))


def test_without_faiss_the_install_line_is_printed(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lengthwise\[index\]'"):
        import_faiss()


def test_exact_neighbours_read_in_pieces_are_those_of_the_whole(monkeypatch):
    matrix, queries = clustered(500), clustered(20, seed=1)
    monkeypatch.setattr(vectors_module, "ADD_ROWS", 64)
    found = exact_neighbours(matrix, queries, 10)
    assert found.tolist() == brute_force(matrix, queries, 10).tolist()


def test_the_search_is_tuned_by_the_quarter_of_rows_that_lie_farthest_from_the_others():
    matrix = clustered(600)
    queries, neighbours = far_rows(matrix)
    products = np.sort(matrix @ matrix.T, axis=1)[:, -32:].mean(axis=1)
    farthest = np.sort(products)[:150]
    assert np.sort((queries[:, None] * matrix[neighbours]).sum(2).mean(1)) == pytest.approx(
        farthest, abs=1e-5
    )


def test_recall_is_the_share_of_the_true_neighbours_that_were_found():
    truth = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert recall_of(np.array([[4, 3, 9, -1], [5, 6, 7, 8]]), truth) == 0.75


@pytest.mark.parametrize("graph_cells", [64, cells.GRAPH_CELLS])
def test_cells_found_in_two_steps_and_searched_by_a_graph_are_as_good(
    large, monkeypatch, tmp_path, graph_cells
):
    matrix, index = large
    monkeypatch.setattr(cells, "TWO_STEP_CELLS", 64)
    monkeypatch.setattr(cells, "GRAPH_CELLS", graph_cells)
    monkeypatch.setattr(vectors_module, "MAPPED_BYTES", 0)
    made = VectorIndex.build(matrix)
    made.save(tmp_path / "v.faiss")
    found = VectorIndex.load(tmp_path / "v.faiss", made.plan)
    assert found.plan.cells == index.plan.cells
    assert found.plan.probes <= 1.5 * index.plan.probes
    queries = clustered(300, seed=1)
    assert recall_of(found.search(queries, 32)[1], brute_force(matrix, queries, 32)) >= 0.98


@pytest.mark.parametrize("sizes", [[10, 20, 30], [1, 0, 999], [5] * 12, [1, 1, 1, 57]])
def test_cells_are_shared_out_by_size_and_nobody_gets_more_than_points(sizes):
    given = cells.shares(np.array(sizes), 60)
    assert given.sum() == 60
    assert (given <= sizes).all()
    assert np.abs(given - 60 * np.array(sizes) / sum(sizes)).max() <= 1


def test_a_large_file_is_mapped_finds_the_same_and_may_be_removed(large, tmp_path, monkeypatch):
    _, index = large
    queries, path = clustered(20, seed=1), tmp_path / "v.faiss"
    index.save(path)
    monkeypatch.setattr(vectors_module, "MAPPED_BYTES", 0)
    loaded = VectorIndex.load(path, index.plan)
    assert str(path) in Path("/proc/self/maps").read_text()
    path.unlink()
    assert loaded.search(queries, 10)[1].tolist() == index.search(queries, 10)[1].tolist()
    assert np.array_equal(*(np.concatenate(list(i.stored_vectors())) for i in (loaded, index)))

"""Cells that a build made of LLMs' own rows, searched as they lie in its file."""

import numpy as np
import pytest

from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.search.own_cells.cells_file import ALIGNMENT, OwnCellsFile
from lengthwise.index.search.own_cells.own_cells import OwnCells
from lengthwise.index.search.plan import FLAT_ROWS
from lengthwise.index.search.vectors import VectorIndex
from tests.lengthwise.index.search.test_vectors import clustered

ROWS = FLAT_ROWS + 1_000

SHARES = {"most": 0.6, "some": 0.2, "fewer": 0.17, "few": 0.03}
"""Of the rows, by LLM: the first has too many for cells of its own, the last too few."""

WITH_CELLS = ["some", "fewer"]


@pytest.fixture(scope="module")
def index():
    """Vectors beyond the exact size."""
    return VectorIndex.build(clustered(ROWS))


@pytest.fixture(scope="module")
def members():
    """Each LLM's rows."""
    owners = np.random.default_rng(0).choice(list(SHARES), ROWS, p=list(SHARES.values()))
    return {name: np.flatnonzero(owners == name) for name in SHARES}


@pytest.fixture
def path(index, members, tmp_path):
    """The file of their cells."""
    index.save_own_cells(tmp_path / "own_cells.bin", members.items())
    return tmp_path / "own_cells.bin"


@pytest.fixture
def nothing_made(monkeypatch):
    """Fails where cells are made although the file has them."""

    def untrained(*_):
        raise AssertionError("cells were made")

    return lambda: monkeypatch.setattr(OwnCells, "trained", untrained)


@pytest.mark.parametrize("model", WITH_CELLS)
def test_searches_give_the_same_bits_as_in_cells_that_are_made(
    index, members, path, model, nothing_made
):
    queries = clustered(40, seed=1)
    similarities, rows = index.subset(members[model]).search(queries, 64)
    nothing_made()
    stored = index.with_own_cells(path).subset(members[model], model)
    assert isinstance(stored, OwnCells)
    assert len(stored) == len(members[model])
    found = stored.search(queries, 64)
    assert found[1].tolist() == rows.tolist()
    assert found[0].tobytes() == similarities.tobytes()


def test_the_file_holds_those_llms_alone_whose_rows_need_cells(members, path):
    file = OwnCellsFile.open(path)
    assert [n for n, rows in members.items() if file.of(n, len(rows))] == WITH_CELLS


def test_the_same_rows_give_the_same_file(index, members, path, tmp_path):
    index.save_own_cells(tmp_path / "again.bin", members.items())
    assert (tmp_path / "again.bin").read_bytes() == path.read_bytes()


def test_where_no_llm_needs_cells_there_is_no_file(index, members, tmp_path):
    path = tmp_path / "own_cells.bin"
    index.save_own_cells(path, [("most", members["most"]), ("few", members["few"])])
    assert not path.exists()
    assert len(index.with_own_cells(path).subset(members["some"], "some")) == len(members["some"])


def test_rows_that_are_not_all_of_an_llms_get_cells_of_their_own(index, members, path):
    chosen = members["some"][:800]
    subset = index.with_own_cells(path).subset(chosen)
    assert len(subset) == 800
    assert set(subset.search(clustered(5, seed=1), 8)[1].ravel()) <= set(chosen)


def test_cells_outlive_their_file(index, members, path):
    queries = clustered(5, seed=1)
    subset = index.with_own_cells(path).subset(members["some"], "some")
    before = subset.search(queries, 8)[1].tolist()
    path.unlink()
    assert subset.search(queries, 8)[1].tolist() == before


def test_every_cell_begins_where_faiss_may_read_it(members, path):
    stored = OwnCellsFile.open(path).of("fewer", len(members["fewer"]))
    assert stored is not None
    lists = stored.lists(code_bytes=12)
    starts = [lists.lists.at(i).offset for i in range(len(stored.sizes))]
    assert len(starts) > 1
    assert all(start % ALIGNMENT == 0 for start in starts)


def test_an_llm_that_has_another_number_of_rows_is_refused(index, members, path):
    rows = members["some"]
    with pytest.raises(ArtifactAlteredError) as caught:
        index.with_own_cells(path).subset(rows[1:], "some")
    assert str(caught.value) == (
        f"{path} holds {len(rows):,} rows of 'some', the index {len(rows) - 1:,}: build the index "
        "again"
    )


def test_codes_of_another_size_are_refused(members, path):
    stored = OwnCellsFile.open(path).of("some", len(members["some"]))
    assert stored is not None
    with pytest.raises(ArtifactAlteredError, match=r"bytes of cells where [\d,]+ are expected"):
        stored.lists(code_bytes=96)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"X" + content[1:],
        lambda content: content + b"5".rjust(8, b"\0"),
    ],
    ids=["empty", "five bytes", "half", "one byte less", "another beginning", "more bytes"],
)
def test_another_file_is_refused(path, spoil):
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ArtifactAlteredError) as caught:
        OwnCellsFile.open(path)
    assert str(caught.value) == (
        f"{path} does not hold LLMs' own cells as a build writes them: restore the file or build "
        "the index again"
    )

"""What is found for a query: near rows, those of the LLM asked for first."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import NEIGHBOURS, LeaveGroupOut, Searcher, rows_to_fetch
from lengthwise.index.search.subset import FEW_ROWS
from lengthwise.index.search.vectors import VectorIndex
from tests.lengthwise.index.fakes import unit

NO_ONE = np.array([-1])


def searcher_of(matrix, models=None, groups=None):
    models, groups = models or [""] * len(matrix), groups or [""] * len(matrix)
    rows = HistoryRows.from_records(
        HistoryRecord(f"p{i}", i, model, group=group)
        for i, (model, group) in enumerate(zip(models, groups, strict=True))
    )
    return Searcher(VectorIndex.build(matrix), rows), rows


def points(count, *, dimension=16, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


def test_an_index_smaller_than_the_number_of_neighbours_gives_all_it_has():
    matrix = points(5)
    searcher, _ = searcher_of(matrix)
    hits = searcher.search(matrix[:2], np.array([-1, -1]))
    assert np.sort(hits.rows, axis=1).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_so_many_rows_are_found_as_are_asked_for():
    matrix = points(200)
    searcher, _ = searcher_of(matrix)
    whole = searcher.search(matrix[:3], np.array([-1] * 3))
    some = searcher.search(matrix[:3], np.array([-1] * 3), neighbours=20)
    assert whole.rows.shape == (3, NEIGHBOURS)
    assert some.rows.tolist() == whole.rows[:, :20].tolist()


@pytest.mark.parametrize(
    ("counted", "asked", "rows"),
    [(16, 0, 32), (16, 3, 32), (16, 50, 50), (64, 0, NEIGHBOURS), (16, 99, NEIGHBOURS)],
)
def test_rows_are_fetched_for_what_counts_and_for_what_is_named(counted, asked, rows):
    assert rows_to_fetch(counted, asked) == rows


def test_a_lone_llm_that_is_not_near_is_found_nonetheless():
    matrix = points(400)
    far = np.argsort(matrix @ matrix[0])[:10]
    models = ["rare" if i in far else "common" for i in range(400)]
    searcher, rows = searcher_of(matrix, models)
    code = rows.models.index("rare")
    hits = searcher.search(matrix[:1], np.array([code]))
    assert set(far.tolist()) <= set(hits.rows[0].tolist())


def test_an_llm_asked_for_keeps_the_nearest_rows_of_the_others_too():
    matrix = points(400)
    far = np.argsort(matrix @ matrix[0])[:10]
    models = ["rare" if i in far else "common" for i in range(400)]
    searcher, rows = searcher_of(matrix, models)
    code = rows.models.index("rare")
    hits = searcher.search(np.repeat(matrix[:1], 2, axis=0), np.array([code, -1]))
    assert hits.rows[0, :50].tolist() == hits.rows[1, :50].tolist()
    assert len(set(hits.rows[0].tolist())) == hits.rows.shape[1], "no row twice"
    assert (np.diff(hits.similarities, axis=1) <= 0).all(), "nearest first"


def test_the_last_row_does_not_stand_in_for_rows_that_were_not_found():
    matrix = points(30)
    models = ["common"] * 29 + ["last"]
    searcher, rows = searcher_of(matrix, models)
    code = rows.models.index("last")
    leave_out = LeaveGroupOut(np.array([29]), rows.group_codes)
    hits = searcher.search(matrix[29:], np.array([code]), leave_out=leave_out)
    assert 29 not in hits.rows[0].tolist()


def test_a_row_that_plays_a_new_prompt_finds_neither_itself_nor_its_group():
    matrix = points(300)
    groups = [f"g{i // 3}" for i in range(300)]
    searcher, rows = searcher_of(matrix, groups=groups)
    sample = np.array([0, 100, 299])
    hits = searcher.search(
        matrix[sample], np.full(3, -1), leave_out=LeaveGroupOut(sample, rows.group_codes)
    )
    assert hits.rows.shape[1] == NEIGHBOURS
    assert (hits.rows >= 0).all()
    for row, found in zip(sample, hits.rows.tolist(), strict=True):
        assert groups[row] not in {groups[i] for i in found}


def test_a_group_larger_than_the_neighbours_wanted_leaves_no_gap():
    # 150 copies of one prompt in one group: all of them are nearest to each other.
    matrix = np.concatenate([np.repeat(points(1), 150, axis=0), points(200, seed=1)])
    groups = ["many"] * 150 + [""] * 200
    searcher, rows = searcher_of(matrix, groups=groups)
    sample = np.array([0])
    hits = searcher.search(matrix[:1], NO_ONE, leave_out=LeaveGroupOut(sample, rows.group_codes))
    assert hits.rows.shape[1] == NEIGHBOURS
    assert (hits.rows >= 150).all()


def test_rows_without_a_group_are_not_one_group():
    matrix = points(100)
    searcher, rows = searcher_of(matrix)
    hits = searcher.search(
        matrix[:1], NO_ONE, leave_out=LeaveGroupOut(np.array([0]), rows.group_codes)
    )
    assert (hits.rows >= 0).sum() == NEIGHBOURS


def test_a_row_that_plays_a_new_prompt_sees_what_a_new_prompt_would():
    # Served and played searches must not differ, or what is fitted is not what is served.
    matrix = points(600)
    models = [f"m{i % 6}" for i in range(600)]
    searcher, rows = searcher_of(matrix, models)
    codes = rows.model_codes[:1]
    played = searcher.search(
        matrix[:1], codes, leave_out=LeaveGroupOut(np.array([0]), rows.group_codes)
    )
    rest, rest_rows = searcher_of(matrix[1:], models[1:])
    served = rest.search(matrix[:1], np.array([rest_rows.models.index("m0")]))
    assert played.rows[0, :100].tolist() == (served.rows[0, :100] + 1).tolist()


class FewFound:
    """Vectors of which an approximate search finds three rows, a subset all of its rows."""

    def __init__(self, rows=(0, 1, 2)):
        self.rows = np.array(rows)
        self.made = 0

    def __len__(self):
        return len(self.rows)

    def subset(self, rows, model=None):
        self.made += 1
        return FewFound(rows)

    def search(self, queries, k):
        found = self.rows[:k]
        rows = np.full((len(queries), k), -1)
        rows[:, : len(found)] = found
        lowest = np.finfo(np.float32).min
        return np.where(rows >= 0, np.float32(0.5), lowest).astype(np.float32), rows


def test_places_where_nothing_was_found_are_not_taken_for_the_last_rows_llm():
    rows = HistoryRows.from_records(
        HistoryRecord(f"p{i}", i, "common" if i < 90 else "rare") for i in range(100)
    )
    searcher = Searcher(FewFound(), rows)
    hits = searcher.search(points(1), np.array([rows.models.index("rare")]))
    assert set(range(90, 100)) <= set(hits.rows[0].tolist())


def test_what_a_search_among_own_rows_needs_is_made_once_for_all_threads():
    rows = HistoryRows.from_records(
        HistoryRecord(f"p{i}", i, "common" if i < 90 else "rare") for i in range(100)
    )
    vectors = FewFound()
    searcher = Searcher(vectors, rows)
    asked = np.array([rows.models.index("rare")])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: searcher.search(points(1), asked).rows.tolist(), range(8)))
    assert vectors.made == 1
    assert found == found[:1] * 8


def test_an_index_that_is_prepared_makes_nothing_at_the_first_search():
    models = ["large"] * (FEW_ROWS + 1) + ["small"] * 10
    rows = HistoryRows.from_records(
        HistoryRecord(f"p{i}", i, model) for i, model in enumerate(models)
    )
    vectors = FewFound(range(len(models) - 10, len(models)))
    searcher = Searcher(vectors, rows)
    searcher.prepare()
    searcher.search(points(1), np.array([rows.models.index("large")]))
    assert vectors.made == 1


def test_no_queries_find_nothing():
    searcher, _ = searcher_of(points(50), ["a", "b"] * 25)
    hits = searcher.search(np.zeros((0, 16), np.float32), np.array([], np.int64))
    assert len(hits) == 0


def test_unwanted_and_missing_hits_make_room_for_the_next():
    hits = Hits.from_search(
        np.array([[0.9, 0.8, 0.7, -3.4e38]], np.float32), np.array([[3, 1, 2, -1]])
    )
    left = hits.without(np.array([[False, True, False, False]]), 3)
    assert left.rows.tolist() == [[3, 2, -1]]
    assert left.similarities.tolist() == pytest.approx(np.array([[0.9, 0.7, -1]]), abs=1e-6)


def test_similarity_is_minus_one_where_nothing_was_found():
    hits = Hits.from_search(np.array([[0.9, -3.4e38]], np.float32), np.array([[3, -1]]))
    assert hits.similarities[0, 1] == -1


def test_nearness_is_the_mean_of_the_eight_nearest_that_were_found():
    similarities = np.array([[0.8, 0.6, -1], [0.4, -1, -1], [-1, -1, -1]], np.float32)
    rows = np.array([[5, 6, -1], [7, -1, -1], [-1, -1, -1]])
    assert Hits(similarities, rows).nearness() == pytest.approx([0.7, 0.4, -1])


def test_a_repeated_prompt_is_near_whatever_else_there_is():
    hits = Hits(np.array([[0.99, *[0.1] * 9]], np.float32), np.arange(10)[None, :])
    assert hits.nearness() == pytest.approx([0.99])
    assert hits.first(3).rows.tolist() == [[0, 1, 2]]

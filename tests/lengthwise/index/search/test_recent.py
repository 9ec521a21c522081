"""Rows that came after the build: found at once, counted as the others are, bounded."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.calibration import Calibration
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.retrieval import RetrievalParameters
from lengthwise.index.length_scale import to_tokens
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.nearest_rows import nearest_of, nearest_rows
from lengthwise.index.search.recent import RecentRows
from tests.lengthwise.index.fakes import BagOfWords, index_of, topic_history, unit

NEW = "nothing the history knows, five words more"


def points(count, *, dimension=16, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


def records(count, *, model="llm", start=0, chars=1):
    return [HistoryRecord("p" * chars, start + i, model, f"r{start + i}") for i in range(count)]


def ids(rows):
    return [record.id for record in rows.snapshot.records]


@pytest.fixture(scope="module")
def history():
    return topic_history(160)


@pytest.fixture
def index(history):
    return index_of(history)


def ask(index, prompt=NEW, **options):
    (answer,) = index.predict([Query(prompt, **options)])
    return answer


@pytest.mark.parametrize(("rows", "queries"), [(3, 2), (100, 5), (3_001, 40), (3_001, 300)])
def test_the_nearest_rows_are_those_of_a_full_sort(rows, queries):
    vectors, asked = points(rows), points(queries, seed=1)
    similarities, found = nearest_rows(vectors, asked, 7)
    truth = asked @ vectors.T
    assert found.tolist() == np.argsort(-truth, axis=1)[:, :7].tolist()
    assert similarities == pytest.approx(np.take_along_axis(truth, found, axis=1), abs=1e-6)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.6, 1.0])
def test_the_nearest_of_some_rows_are_those_of_a_full_sort(share):
    vectors, asked = points(3_001), points(40, seed=1)
    members = np.random.default_rng(2).random(3_001) < share
    similarities, found = nearest_of(members, vectors, asked, 7)
    truth = np.where(members, asked @ vectors.T, -np.inf)
    k = min(7, members.sum())
    assert found.tolist() == np.argsort(-truth, axis=1)[:, :k].tolist()
    assert similarities == pytest.approx(np.take_along_axis(truth, found, axis=1), abs=1e-6)


def test_no_queries_find_no_rows():
    similarities, found = nearest_rows(points(9), np.zeros((0, 16), np.float32), 4)
    assert similarities.shape == found.shape == (0, 4)


def test_an_added_row_is_the_nearest_of_its_own_prompt(index):
    assert ask(index).nearness < 0.9
    index.learn([HistoryRecord(NEW, 777, "llm", "new-1")])
    answer = ask(index, include_neighbour_text=True)
    first = answer.neighbours[0]
    assert (first.id, first.output_tokens, first.model, first.text) == ("new-1", 777, "llm", NEW)
    assert answer.nearness == pytest.approx(1, abs=1e-5)
    assert answer.median_tokens == pytest.approx(777, rel=0.3)


def test_a_recent_row_counts_as_a_row_of_the_build_does(history):
    # Weighed and calibrated alike, or a rebuild would change what is predicted.
    plain = FittedEstimator(RetrievalParameters(), Calibration.identity())
    whole, head = index_of(history, fitted=plain), index_of(history[:150], fitted=plain)
    head.learn(history[150:])
    for record in history[148:152]:
        learnt, built = ask(head, record.prompt), ask(whole, record.prompt)
        assert [n.id for n in learnt.neighbours] == [n.id for n in built.neighbours]
        assert learnt.nearness == pytest.approx(built.nearness, abs=1e-6)
        assert learnt.median_tokens == pytest.approx(built.median_tokens, rel=0.1)


def test_rows_of_the_build_are_found_as_before_where_recent_ones_are_far(index, history):
    before = ask(index, history[3].prompt)
    index.learn([HistoryRecord(NEW, 5, "llm", "far")])
    assert ask(index, history[3].prompt).neighbours == before.neighbours


def test_a_recent_answer_that_was_cut_off_is_known_to_be_longer_only(history):
    ended, cut = index_of(history), index_of(history)
    for i in range(5):
        ended.learn([HistoryRecord(NEW, 100, "llm", f"e{i}")])
        cut.learn([HistoryRecord(NEW, 100, "llm", f"c{i}", finish_reason="length")])
    assert ask(cut).median_tokens > 1.2 * ask(ended).median_tokens


def test_text_is_given_only_where_the_index_keeps_text(history):
    index = index_of(history, keeps_text=False)
    index.learn([HistoryRecord(NEW, 777, "llm", "new-1")])
    assert ask(index, include_neighbour_text=True).neighbours[0].text == ""


def test_an_llm_becomes_known_with_its_first_row(index):
    assert not ask(index, model="brand-new").model_known
    index.learn([HistoryRecord("some other prompt", 50, "brand-new", "n")])
    answer = ask(index, model="brand-new", neighbour_count=20)
    assert answer.model_known
    assert "n" in [n.id for n in ask(index, "some other prompt", model="brand-new").neighbours]
    assert not ask(index, model="yet another").model_known


def test_rows_of_the_llm_asked_for_are_found_however_far_they_are(history):
    index = index_of(history)
    index.learn([HistoryRecord(f"far away {i}", 50, "brand-new", f"n{i}") for i in range(8)])
    crowd = [HistoryRecord(f"{NEW} {i}", 900, "crowd", f"c{i}") for i in range(200)]
    index.learn(crowd)
    hits = index.search(index.encode([NEW]), [Query(NEW, "brand-new")])
    found = [hits.recent.record(row) for row in hits.rows[0].tolist()]
    assert {f"n{i}" for i in range(8)} <= {record.id for record in found if record}


def test_own_rows_of_the_build_and_recent_ones_are_found_together(history):
    rare = [HistoryRecord(f"rare {i}", 50, "rare", f"rare-{i}") for i in range(4)]
    index = index_of([*history, *rare])
    index.learn([HistoryRecord(f"rarer {i}", 60, "rare", f"rarer-{i}") for i in range(4)])
    index.learn([HistoryRecord(f"{NEW} {i}", 900, "llm", f"c{i}") for i in range(200)])
    hits = index.search(index.encode([NEW]), [Query(NEW, "rare")])
    rows = hits.rows[0].tolist()
    later = [hits.recent.record(row) for row in rows]
    models = [
        record.model if record else index.rows.model(row)
        for row, record in zip(rows, later, strict=True)
    ]
    assert models.count("rare") == 8
    assert len(set(rows)) == len(rows), "no row twice"
    assert (np.diff(hits.similarities, axis=1) <= 0).all(), "nearest first"


def test_a_search_is_estimated_with_the_rows_it_found_whatever_came_since(index):
    index.recent = RecentRows(capacity_rows=4)
    index.learn([HistoryRecord(NEW, 777, "first", "new-1")])
    query = Query(NEW, "first")
    hits = index.search(index.encode([NEW]), [query])
    for i in range(20):
        index.learn([HistoryRecord(f"other {i}", 3, f"m{i}", f"o{i}")])
    (answer,) = index.estimate(hits, [query])
    assert answer.neighbours[0].id == "new-1"
    assert answer.model_known
    assert not ask(index, model="first").model_known, "its only row was dropped"


def test_an_id_is_added_once():
    rows = RecentRows()
    assert rows.add(records(3) + records(2), points(5)) == 3
    assert rows.add(records(4), points(4)) == 1
    assert ids(rows) == ["r0", "r1", "r2", "r3"]
    assert rows.add(records(4), points(4)) == 0


def test_rows_without_an_id_all_count():
    rows = RecentRows()
    assert rows.add([HistoryRecord("p", 1)] * 3, points(3)) == 3
    assert len(rows) == 3


def test_when_full_the_oldest_rows_go_and_the_newest_stay():
    rows = RecentRows(capacity_rows=16)
    vectors = points(100)
    for i in range(100):
        rows.add(records(1, start=i), vectors[i : i + 1])
        assert len(rows) <= 16
    assert ids(rows) == [f"r{i}" for i in range(100 - len(rows), 100)]
    assert rows.snapshot.vectors.tolist() == vectors[100 - len(rows) :].tolist()
    assert to_tokens(rows.snapshot.log_lengths) == pytest.approx(range(100 - len(rows), 100))


def test_a_dropped_id_may_come_again():
    rows = RecentRows(capacity_rows=2)
    rows.add(records(1), points(1))
    rows.add(records(2, start=1), points(2))
    assert rows.add(records(1), points(1)) == 1


def test_more_rows_at_once_than_there_is_room_leave_the_newest():
    rows = RecentRows(capacity_rows=10)
    rows.add(records(3), points(3))
    assert rows.add(records(25, start=3), points(25)) == 25
    assert ids(rows) == [f"r{i}" for i in range(18, 28)]


def test_characters_are_bounded_too():
    rows = RecentRows(capacity_rows=1_000, capacity_chars=100)
    for i in range(30):
        rows.add(records(1, start=i, chars=9), points(1))
        assert sum(len(record.prompt) for record in rows.snapshot.records) <= 100
    assert ids(rows)[-1] == "r29"
    rows.add(records(1, start=99, chars=5_000), points(1))
    assert ids(rows) == ["r99"]


def test_a_snapshot_stays_as_it_was_when_its_rows_are_dropped():
    rows = RecentRows(capacity_rows=8)
    vectors = points(8)
    rows.add(records(5), vectors[:5])
    before = rows.snapshot
    rows.add(records(50, model="other", start=5), points(50, seed=1))
    assert [record.id for record in before.records] == [f"r{i}" for i in range(5)]
    assert before.models == ("llm",)
    assert before.search(vectors[:5], 1)[1][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_llms_without_rows_left_are_forgotten():
    rows = RecentRows(capacity_rows=4)
    rows.add(records(4, model="old"), points(4))
    rows.add(records(4, model="new", start=4), points(4))
    assert rows.snapshot.models == ("new",)


@pytest.mark.parametrize(
    ("count", "dimension", "message"),
    [(2, 16, "2 vectors for 3 records"), (3, 8, "vectors have 8 dimensions, those held 16")],
)
def test_vectors_that_do_not_fit_are_refused(count, dimension, message):
    rows = RecentRows()
    rows.add(records(1, start=50), points(1))
    with pytest.raises(InvalidInputError, match=message):
        rows.add(records(3), points(count, dimension=dimension))
    assert len(rows) == 1


def test_a_capacity_of_no_rows_is_refused():
    with pytest.raises(InvalidInputError, match="capacity_rows is 0: expected at least 1"):
        RecentRows(capacity_rows=0)


def test_the_build_knows_its_ids(index, history):
    assert index.built_with([history[0].key, ("", "unheard of")]) == {history[0].key}
    assert index.built_with([]) == frozenset()


def test_searching_while_rows_are_added_and_dropped_never_names_a_row_that_is_not_there(history):
    index = index_of(history, BagOfWords(8))
    index.recent = RecentRows(capacity_rows=64)
    asked = threading.Event()

    def length_and_llm(i):
        return 10 + i % 50, f"m{i // 40}"

    def add_on():
        added = 0
        while not asked.is_set():
            words = f"word{added % 50} word{added % 7}"
            record = HistoryRecord(words, *length_and_llm(added), f"new-{added}")
            index.learn([record])
            added += 1
        return added

    def ask_often():
        for i in range(30):
            for neighbour in ask(
                index, "word7 word0", model=f"m{i}", neighbour_count=32
            ).neighbours:
                kind, number = neighbour.id.split("-")
                if kind == "new":
                    named = (neighbour.output_tokens, neighbour.model)
                    assert named == length_and_llm(int(number))

    with ThreadPoolExecutor(3) as threads:
        adding = threads.submit(add_on)
        asking = [threads.submit(ask_often) for _ in range(2)]
        try:
            for future in asking:
                future.result()
        finally:
            asked.set()
        assert adding.result() > 64, "rows were dropped meanwhile"


def test_one_caller_that_reports_without_end_does_not_push_out_the_others():
    rows = RecentRows(capacity_rows=80)
    few, many = topic_history(20, seed=1), topic_history(500, seed=2)
    for records, caller in ((few, "token a"), (many, "token b")):
        for start in range(0, len(records), 10):
            part = records[start : start + 10]
            named = [
                replace(r, id=f"{caller}-{start + i}", caller=caller) for i, r in enumerate(part)
            ]
            rows.add(named, BagOfWords().encode([r.prompt for r in named]))
    held = [record.caller for record in rows.snapshot.records]
    assert held.count("token a") == 20
    assert rows.snapshot.records[-1].id == "token b-499"

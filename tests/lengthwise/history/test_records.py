"""Records a handful at a time, however long their prompts are."""

from lengthwise.history.records import chunked
from lengthwise.index.record import HistoryRecord


def test_a_chunk_ends_early_where_prompts_are_huge():
    records = [HistoryRecord("x" * n, 1) for n in (10, 10, 90, 10, 200, 10)]
    sizes = [[len(r.prompt) for r in chunk] for chunk in chunked(records, 4, chars=100)]
    assert sizes == [[10, 10, 90], [10, 200], [10]]
    assert [len(c) for c in chunked(records, 4)] == [4, 2]
    assert list(chunked([], 4)) == []

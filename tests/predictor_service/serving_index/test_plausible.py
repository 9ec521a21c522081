"""Which reported lengths count at once."""

from dataclasses import replace

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from predictor_service.serving_index.live_rows import LiveLearner, plausible
from tests.lengthwise.index.fakes import index_of, topic_history
from tests.predictor_service.waiting import until

LONGEST = 3_000


def index():
    """Four hundred rows of an LLM, the longest of which are of one length."""
    rows = topic_history(400)
    return index_of([replace(r, output_tokens=min(r.output_tokens, LONGEST)) for r in rows])


def reported(tokens: int, model: str = "llm") -> HistoryRecord:
    return HistoryRecord("topic7-a topic7-b new", tokens, model, f"{model} {tokens}")


def test_lengths_that_the_index_knows_count_as_they_are():
    records = [reported(tokens) for tokens in (0, 7, LONGEST)]
    assert plausible(index(), records) == records


def test_a_longer_one_counts_as_the_longest_and_an_absurd_one_not_at_all():
    found = plausible(index(), [reported(2 * LONGEST), reported(90_000)])
    assert [record.output_tokens for record in found] == [LONGEST]


def test_of_an_llm_that_the_index_hardly_knows_nothing_is_left_out():
    few = [HistoryRecord(f"p{i}", 5, "rare", f"rare-{i}") for i in range(10)]
    known = index_of([*topic_history(400), *few])
    records = [reported(90_000, "unheard of"), reported(90_000, "rare")]
    assert plausible(known, records) == records


async def test_a_thousand_absurd_reports_move_nobodys_prediction():
    served = index()
    asked = [replace(r, id="") for r in topic_history(200, seed=9)]
    before = [e.quantile_tokens for e in served.predict([Query(r.prompt, "llm") for r in asked])]
    learner = LiveLearner(lambda: served, capacity_rows=2_000)
    strange = topic_history(1_000, seed=5)
    learner.learn([replace(r, id=f"s{i}", output_tokens=90_000) for i, r in enumerate(strange)])
    await until(lambda: learner.learnt + learner.left_out == 1_000)
    await learner.stop()
    after = [e.quantile_tokens for e in served.predict([Query(r.prompt, "llm") for r in asked])]
    assert (learner.learnt, after) == (0, before)


async def test_nor_do_those_that_name_an_llm_nobody_has_heard_of():
    served = index()
    asked = [Query(r.prompt, "llm") for r in topic_history(200, seed=9)]
    before = [estimate.expected_tokens for estimate in served.predict(asked)]
    strange = topic_history(1_000, seed=5, model="unheard of")
    served.learn([replace(r, id=f"s{i}", output_tokens=90_000) for i, r in enumerate(strange)])
    after = [estimate.expected_tokens for estimate in served.predict(asked)]
    assert max(b / a for a, b in zip(before, after, strict=True)) < 2

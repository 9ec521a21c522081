"""The first tier answers what it is sure of; the rest is encoded and searched for."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_runs import table_of_rows
from lengthwise.index.search.rows import HistoryRows
from tests.lengthwise.index.fakes import TOPICS, topic_history, topic_prompt
from tests.lengthwise.index.first_tier.tiered import tiered_index
from tests.lengthwise.index.topic_student import topic_student

UNSURE = (0, 7)
RECORDS = topic_history(1_200)


@pytest.fixture(scope="module")
def tiered():
    return tiered_index(RECORDS, topic_student(unsure=UNSURE))


@pytest.fixture
def index(tiered):
    tiered.index.recent = None
    tiered.encoder.encoded = 0
    return tiered.index


def queries(count=400, seed=9, **options):
    """New prompts of all topics in turn, for which no neighbours are wanted."""
    rng = random.Random(seed)
    options = {"model": "llm", "neighbour_count": 0} | options
    return [Query(topic_prompt(i % TOPICS, rng), **options) for i in range(count)]


def tiers(index, asked):
    return [estimate.tier for estimate in index.predict(asked)]


def test_each_prompt_is_answered_in_its_place_by_the_tier_that_is_sure_of_it(index):
    found = index.predict(queries())
    assert [e.tier for e in found] == [
        "second" if i % TOPICS in UNSURE else "first" for i in range(400)
    ]
    usual = np.array([20 * 2.0 ** (i % TOPICS) for i in range(400)])
    medians = np.array([estimate.median_tokens for estimate in found])
    assert (np.abs(np.log(medians / usual)) < 0.4).all()


def test_only_what_is_passed_on_is_encoded(index):
    index.predict(queries())
    assert index.encoder.encoded == 100


def test_nothing_is_encoded_where_all_is_answered_first(index):
    asked = [query for i, query in enumerate(queries()) if i % TOPICS not in UNSURE]
    assert tiers(index, asked) == ["first"] * 300
    assert index.encoder.encoded == 0


def test_what_the_first_tier_says_of_itself(index):
    _, answer = index.predict(queries(2))
    assert (answer.basis, answer.nearness, answer.neighbours) == ("head", 0, ())
    assert answer.model_known
    assert answer.quantile_levels == index.manifest.quantile_levels


def test_a_prompt_that_was_answered_before_is_answered_by_its_past_answers():
    """Whatever the student makes of its topic."""
    repeated = "topic1-a topic1-b topic1-c filler1 filler2 filler3"
    again = [HistoryRecord(repeated, 1_000 + i, "llm", f"again-{i}") for i in range(5)]
    index = tiered_index([*RECORDS, *again], topic_student()).index
    (answer,) = index.predict([Query(repeated, "llm", 0)])
    assert answer.tier == "second"
    assert answer.median_tokens == pytest.approx(1_000, rel=0.2)
    assert tiers(index, [Query(repeated.replace("filler3", "filler4"), "llm", 0)]) == ["first"]


def test_a_prompt_whose_answers_are_kept_beside_the_index_is_answered_by_these():
    query = queries(2)[1]
    unlike = queries(40)[39]
    rows = [HistoryRecord(query.prompt, 900 + i, "llm", f"kept-{i}") for i in range(5)]
    repeats = table_of_rows(HistoryRows.from_records(rows), np.arange(len(rows)))
    index = tiered_index(RECORDS, topic_student(), repeats=repeats).index
    (answer, other) = index.predict([query, unlike])
    assert answer.tier == "second"
    assert answer.median_tokens > 500
    assert other.tier == "first"


def test_a_prompt_that_was_reported_since_is_answered_by_that(index):
    query = queries(2)[1]
    assert tiers(index, [query]) == ["first"]
    index.learn([HistoryRecord(query.prompt, 900 + i, "llm", f"new-{i}") for i in range(3)])
    (answer,) = index.predict([query])
    assert answer.tier == "second"
    assert answer.median_tokens > 500


@pytest.mark.parametrize("options", [{"neighbour_count": 1}, {"model": ""}, {"model": "other"}])
def test_who_asks_for_neighbours_or_for_another_llm_is_passed_on(index, options):
    assert set(tiers(index, queries(**options))) == {"second"}


def test_where_no_row_names_its_llm_nobody_has_to():
    records = [HistoryRecord(r.prompt, r.output_tokens, "", r.id) for r in RECORDS]
    index = tiered_index(records, topic_student(models=())).index
    assert set(tiers(index, queries(model=""))) == {"first"}
    assert set(tiers(index, queries(model="llm"))) == {"second"}


def test_a_limit_on_tokens_cuts_the_distribution(index):
    found = [e for e in index.predict(queries(max_tokens=30)) if e.tier == "first"]
    assert max(e.quantile_tokens[-1] for e in found) <= 30
    assert max(e.expected_tokens for e in found) <= 30


def test_without_a_first_tier_all_is_as_it_was(index):
    asked = queries(neighbour_count=3)
    first_tier, index.first_tier = index.first_tier, None
    without = index.predict(asked)
    index.first_tier = first_tier
    assert index.predict(asked) == without


def test_several_threads_get_what_one_gets(index):
    asked = queries(64)
    index.learn(topic_history(50, seed=3))
    expected = index.predict(asked)
    with ThreadPoolExecutor(8) as threads:
        assert all(
            found == expected for found in threads.map(lambda _: index.predict(asked), range(40))
        )


def test_intervals_and_confidence_of_both_tiers_are_true_of_new_prompts(index):
    history = topic_history(4_000, seed=77)
    asked = [Query(record.prompt, "llm", 0) for record in history]
    found = index.predict(asked)
    for tier in ("first", "second"):
        rows = [(e, r.output_tokens) for e, r in zip(found, history, strict=True) if e.tier == tier]
        inside = np.mean(
            [round(e.quantile(0.05)) <= truth <= round(e.quantile(0.95)) for e, truth in rows]
        )
        assert inside == pytest.approx(0.9, abs=0.03), tier
        hit = np.mean([e.median_tokens / 2 <= truth <= e.median_tokens * 2 for e, truth in rows])
        assert np.mean([e.confidence for e, _ in rows]) == pytest.approx(hit, abs=0.03), tier

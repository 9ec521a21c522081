"""From prompt to distribution: `LengthIndex` over small histories."""

import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.prior import LengthPrior
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from tests.lengthwise.index.fakes import TOPICS, BagOfWords, Source, index_of, topic_history

TOPIC_PROMPT = "topic{0}-a topic{0}-b topic{0}-c filler1 filler2 filler3"
FAR = "nothing of this was ever heard before anywhere"


@pytest.fixture(scope="module")
def history():
    return topic_history(400)


@pytest.fixture(scope="module")
def index(history):
    return index_of(history)


@pytest.fixture(scope="module")
def two_llms():
    """One LLM that says four times as much as the other, to the same kinds of prompts."""
    return index_of(
        Source([*topic_history(400), *topic_history(400, seed=1, model="verbose", factor=4)])
    )


def median(index, prompt, **asked):
    return index.predict([Query(prompt, **asked)])[0].median_tokens


def test_similar_prompts_get_the_lengths_of_similar_prompts(index):
    for topic in range(TOPICS):
        assert median(index, TOPIC_PROMPT.format(topic)) == pytest.approx(20 * 2**topic, rel=0.3)


def test_a_repeated_prompt_gets_nearly_the_length_it_had(history):
    repeated = [replace(r, output_tokens=700, id=f"again-{i}") for i, r in enumerate(history[:1])]
    index = index_of(Source([*history, *repeated * 12]))
    estimate = index.predict([Query(history[0].prompt)])[0]
    assert estimate.median_tokens == pytest.approx(700, rel=0.02)
    assert estimate.nearness == pytest.approx(1, abs=1e-5)
    assert estimate.basis == "neighbours"


def test_a_prompt_unlike_the_history_gets_the_prior_with_little_confidence(index, history):
    far, near = index.predict([Query(FAR), Query(TOPIC_PROMPT.format(3))])
    lengths = sorted(r.output_tokens for r in history)
    assert far.basis == "prior"
    assert far.confidence < 0.1
    assert far.median_tokens == pytest.approx(lengths[200], rel=0.3)
    assert far.quantile(0.05) < lengths[60]
    assert far.quantile(0.95) > lengths[340]
    assert near.basis == "neighbours"
    assert near.confidence > 0.8


def test_among_repeats_a_new_prompt_that_is_fairly_near_is_not_foreign():
    # Nineteen rows in twenty repeat a template word for word; the rest say it in other words.
    fresh = topic_history(40)
    repeats = [HistoryRecord(TOPIC_PROMPT.format(i % 8), 20 * 2 ** (i % 8)) for i in range(760)]
    index = index_of(Source([*fresh, *repeats]))
    estimate = index.predict([Query("topic6-a topic6-b topic6-c filler7 filler8 filler9")])[0]
    assert estimate.basis == "neighbours"
    assert estimate.median_tokens == pytest.approx(20 * 2**6, rel=0.4)


def test_the_history_of_the_llm_asked_for_counts_first(two_llms):
    prompt = TOPIC_PROMPT.format(4)
    assert median(two_llms, prompt, model="llm") == pytest.approx(320, rel=0.3)
    assert median(two_llms, prompt, model="verbose") == pytest.approx(1280, rel=0.3)


def test_an_llm_with_few_rows_leans_on_the_others_by_its_usual_proportion():
    few = topic_history(24, seed=1, model="rare", factor=4)
    index = index_of(Source([*topic_history(800), *few]))
    assert median(index, TOPIC_PROMPT.format(4), model="rare") > 1.5 * 320


def test_no_llm_is_said_to_answer_with_less_than_nothing():
    # Next to the other LLM's, its answers are so short that a shift leads under an empty one.
    short = topic_history(200, seed=1, model="terse", factor=0.01)
    index = index_of(Source([*topic_history(200), *short]))
    estimates = index.predict([Query(p, "terse") for p in (FAR, TOPIC_PROMPT.format(0))])
    assert min(min(e.quantile_tokens) for e in estimates) >= 0


def test_an_llm_of_a_single_row_stays_near_the_pool(history):
    index = index_of(Source([*history, HistoryRecord("odd one out", 9_999, "lone")]))
    assert median(index, FAR, model="lone") < 3 * median(index, FAR)


def test_an_unknown_llm_is_answered_from_all_and_said_to_be_unknown(two_llms):
    unknown, unnamed, known = two_llms.predict(
        [Query(TOPIC_PROMPT.format(4), model=m) for m in ("never-seen", "", "llm")]
    )
    assert not unknown.model_known
    assert not unnamed.model_known
    assert known.model_known
    assert unknown.quantile_tokens == unnamed.quantile_tokens


def test_max_tokens_cuts_the_distribution_off(index):
    prompt = TOPIC_PROMPT.format(5)
    whole, cut = index.predict([Query(prompt), Query(prompt, max_tokens=600)])
    assert whole.quantile(0.9) > 600
    assert cut.quantile(0.9) == 600
    assert max(cut.quantile_tokens) == 600
    assert cut.expected_tokens < min(600, whole.expected_tokens)
    assert cut.quantile(0.05) == whole.quantile(0.05)


def test_censored_rows_push_the_distribution_up():
    limit = 1_000
    full = topic_history(800)
    cut = Source(
        replace(r, output_tokens=min(r.output_tokens, limit), finish_reason="length")
        if r.output_tokens > limit
        else r
        for r in full
    )
    # Of topic 6 (about 1,280 tokens) most were cut off; some longer ones are known from elsewhere.
    known = Source([*cut, *topic_history(80, seed=5)])
    forgotten = Source(replace(r, finish_reason="stop") for r in known)
    prompt = TOPIC_PROMPT.format(6)
    assert median(index_of(forgotten), prompt) == pytest.approx(limit, rel=0.02)
    assert median(index_of(known), prompt) > 1.05 * limit


def test_a_history_of_cut_off_answers_alone_gives_estimates():
    cut = Source(replace(r, finish_reason="length") for r in topic_history(100))
    estimate = index_of(cut).predict([Query(TOPIC_PROMPT.format(2))])[0]
    assert np.isfinite(estimate.quantile_tokens).all()
    assert estimate.median_tokens >= 80


@settings(max_examples=40)
@given(
    words=st.lists(
        st.sampled_from(["topic1-a", "topic6-b", "filler4", "filler9", "unheard", "of"]), max_size=8
    ),
    model=st.sampled_from(["", "llm", "verbose", "unknown"]),
    max_tokens=st.none() | st.integers(1, 20_000),
)
def test_every_estimate_is_a_distribution(two_llms, words, model, max_tokens):
    prompt = " ".join(words)
    estimate = two_llms.predict([Query(prompt, model, max_tokens=max_tokens)])[0]
    values = estimate.quantile_tokens
    observed = two_llms.rows.output_tokens
    assert len(values) == len(estimate.quantile_levels)
    assert all(a <= b for a, b in pairwise(values))
    assert values[0] >= 0
    assert values[-1] <= min(max_tokens or np.inf, 8 * observed.max())
    assert 0 <= estimate.expected_tokens <= min(max_tokens or np.inf, 8 * observed.max())
    assert 0 <= estimate.confidence <= 1
    assert -1 <= estimate.nearness <= 1 + 1e-6


def test_quantiles_are_given_at_the_levels_of_the_manifest(history):
    levels = (0.01, 0.1, 0.2, 0.3, 0.5, 0.62, 0.7, 0.8, 0.9, 0.99)
    index = index_of(history, levels=levels)
    estimate = index.predict([Query(TOPIC_PROMPT.format(3))])[0]
    assert estimate.quantile_levels == levels
    assert len(set(estimate.quantile_tokens)) == len(levels)
    assert estimate.quantile(0.5) == estimate.median_tokens == estimate.quantile_tokens[4]


def test_neighbours_are_named_nearest_first_and_without_their_text(index, history):
    estimate = index.predict([Query(history[7].prompt, neighbour_count=4)])[0]
    assert estimate.neighbours[0].id == history[7].id
    assert [n.text for n in estimate.neighbours] == [""] * 4
    similarities = [n.similarity for n in estimate.neighbours]
    assert similarities == sorted(similarities, reverse=True)
    assert estimate.neighbours[0].output_tokens == history[7].output_tokens


def test_more_neighbours_are_named_than_count_if_asked_for(index, monkeypatch):
    monkeypatch.setattr(index, "_counted", 16)
    (estimate,) = index.predict([Query("topic1-a", neighbour_count=60)])
    assert len(estimate.neighbours) == 60


def test_the_text_of_neighbours_is_given_if_asked_for(index, history):
    query = Query(history[7].prompt, neighbour_count=1, include_neighbour_text=True)
    assert index.predict([query])[0].neighbours[0].text == history[7].prompt


def test_no_neighbours_are_named_if_none_are_wanted(index):
    assert index.predict([Query("topic1-a", neighbour_count=0)])[0].neighbours == ()


def test_no_queries_get_no_estimates(index, two_llms):
    assert index.predict([]) == []
    assert two_llms.predict([]) == []


def test_a_query_is_answered_alike_alone_and_in_company(two_llms):
    queries = [Query(TOPIC_PROMPT.format(i), model=m) for i in range(8) for m in ("llm", "verbose")]
    together = two_llms.predict(queries)
    for query, estimate in zip(queries, together, strict=True):
        alone = two_llms.predict([query])[0]
        assert alone.quantile_tokens == pytest.approx(estimate.quantile_tokens, rel=1e-4)


def test_threads_may_ask_at_once(two_llms):
    queries = [Query(TOPIC_PROMPT.format(i), model="verbose") for i in range(8)]
    expected = [e.quantile_tokens for e in two_llms.predict(queries)]
    wrong = []

    def ask():
        found = ([e.quantile_tokens for e in two_llms.predict(queries)] for _ in range(10))
        wrong.extend(each for each in found if each != expected)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_vectors_that_are_not_numbers_get_the_prior_and_not_an_error(index):
    class Broken(BagOfWords):
        def encode(self, prompts):
            return np.full((len(prompts), self.dimension), np.nan, np.float32)

    healthy, index.encoder = index.encoder, Broken()
    try:
        estimate = index.predict([Query("anything")])[0]
    finally:
        index.encoder = healthy
    assert estimate.basis == "prior"
    assert estimate.nearness == -1
    assert estimate.neighbours == ()
    assert np.isfinite(estimate.quantile_tokens).all()


def test_an_index_says_what_it_holds(two_llms):
    info = two_llms.info()
    assert info.rows == 800
    assert {m.model: m.rows for m in info.models} == {"llm": 400, "verbose": 400}
    assert info.dimension == 64
    assert info.search == "flat"


def prior_of(*lengths_by_model):
    return LengthPrior.from_rows(
        HistoryRows.from_records(
            HistoryRecord(f"p{i}", n, model)
            for model, lengths in lengths_by_model
            for i, n in enumerate(lengths)
        )
    )


def test_the_prior_of_an_llm_with_much_history_is_its_own():
    prior = prior_of(("a", [100] * 1_000), ("b", [800] * 1_000))
    atoms = np.expm1(prior.atoms(np.array([0, 1])))
    assert np.median(atoms[0]) == pytest.approx(100, rel=0.1)
    assert np.median(atoms[1]) == pytest.approx(800, rel=0.1)


def test_the_prior_of_an_llm_with_as_many_rows_as_the_shrinkage_is_half_its_own():
    prior = prior_of(("big", [99] * 10_000), ("small", [999] * 20))
    own, pooled = np.log1p(999), np.log1p(99)
    assert prior.offset(np.array([1]))[0] == pytest.approx((own - pooled) / 2)


def test_the_prior_of_no_llm_is_that_of_all():
    prior = prior_of(("a", [10, 20, 30]), ("b", [40, 50, 60]))
    assert prior.atoms(np.array([-1]))[0].tolist() == prior.pooled.tolist()
    assert prior.offset(np.array([-1])).tolist() == [0]

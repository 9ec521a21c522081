"""Each published predictor on its own: what it learns, and what it must not look at."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.baselines.alise import AlisePeer
from index_builder.baselines.lexical import LexicalPeer
from index_builder.baselines.median import MedianPeer
from lengthwise.index.record import HistoryRecord
from tests.index_builder.baselines.histories import history, vectors_of
from tests.lengthwise.index.fakes import unit

CHEAP = {"median": MedianPeer, "lexical": LexicalPeer, "alise": AlisePeer}


def fitted(peer, records, vectors=None):
    peer.fit(records, vectors_of(records) if vectors is None else vectors)
    return peer


def points(peer, records, vectors=None):
    return peer.predict(records, vectors_of(records) if vectors is None else vectors).point


@pytest.mark.parametrize("name", CHEAP)
def test_what_a_row_was_answered_with_does_not_change_what_is_predicted(name):
    peer = fitted(CHEAP[name](), history(80))
    asked = history(20, seed=5)
    other = [replace(r, output_tokens=7, samples=(1, 2), finish_reason="length") for r in asked]
    assert np.array_equal(points(peer, asked), points(peer, other))


@pytest.mark.parametrize("name", CHEAP)
def test_a_row_is_predicted_alike_alone_and_among_others(name):
    peer = fitted(CHEAP[name](), history(80, models=("a", "b")))
    asked = history(12, seed=5, models=("a", "new", ""))
    together = points(peer, asked)
    alone = [points(peer, [record])[0] for record in asked]
    assert together == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("name", CHEAP)
def test_fitted_twice_with_one_seed_it_predicts_the_same(name):
    first, second = (fitted(CHEAP[name](), history(300)) for _ in range(2))
    asked = history(20, seed=5)
    assert np.array_equal(points(first, asked), points(second, asked))


def test_the_median_is_that_of_the_llm_and_of_all_where_it_has_no_history():
    records = [
        HistoryRecord("p", n, m) for m, ns in (("a", (1, 2, 3)), ("b", (7, 8, 90))) for n in ns
    ]
    peer = fitted(MedianPeer(), records)
    asked = [HistoryRecord("p", 0, m) for m in ("a", "b", "new", "")]
    assert points(peer, asked).tolist() == [2, 8, 5, 5]


def test_the_median_gives_the_central_intervals_of_the_history():
    records = [HistoryRecord("p", n) for n in range(101)]
    found = fitted(MedianPeer(), records).predict(records[:1], vectors_of(records[:1]))
    assert [end[0] for end in found.interval_50] == [25, 75]
    assert [end[0] for end in found.interval_90] == [5, 95]


def test_the_lexical_one_learns_what_a_prompt_asks_for():
    peer = fitted(LexicalPeer(), history(600))
    asked = history(60, seed=5)
    truth = np.array([r.output_tokens for r in asked])
    assert points(peer, asked) == pytest.approx(truth, abs=31)  # one sentence


def test_the_lexical_one_learns_that_llms_differ():
    records = history(600, models=("brief", "wordy"), factor={"wordy": 5.0})
    peer = fitted(LexicalPeer(), records)
    prompt = "Tell me 5 sentences about thing1"
    brief, wordy = points(peer, [HistoryRecord(prompt, 0, m) for m in ("brief", "wordy")])
    assert wordy > 3 * brief


def line(*angles):
    """Unit vectors in a plane, by their angles in degrees."""
    turns = np.radians(angles)
    return unit(np.stack([np.cos(turns), np.sin(turns)], axis=1))


def rows(*lengths, models=None):
    models = models or [""] * len(lengths)
    return [HistoryRecord("p", n, m) for n, m in zip(lengths, models, strict=True)]


def test_alise_weighs_the_nearest_lengths_by_their_similarity():
    peer = fitted(AlisePeer(neighbours=2), rows(100, 400, 9_000), line(0, 60, 180))
    # Cosines 1 and 0.5 of the two nearest.
    assert points(peer, rows(0), line(0))[0] == pytest.approx((100 + 0.5 * 400) / 1.5)


def test_alise_with_fewer_rows_than_neighbours_takes_all_of_them():
    peer = fitted(AlisePeer(neighbours=50), rows(100, 400), line(0, 60))
    assert points(peer, rows(0), line(0))[0] == pytest.approx((100 + 0.5 * 400) / 1.5)


def test_alise_searches_the_rows_of_the_llm_asked_for_and_all_where_it_is_not_known():
    records = rows(100, 400, models=["a", "b"])
    peer = fitted(AlisePeer(neighbours=1), records, line(0, 30))
    asked = rows(0, 0, 0, models=["b", "new", ""])
    assert points(peer, asked, line(0, 0, 0)).tolist() == [400, 100, 100]


def test_alise_asks_its_network_where_nothing_is_similar():
    records = history(300)
    vectors = vectors_of(records)
    alone = points(fitted(AlisePeer(threshold=1.1), records, vectors), records[:20], vectors[:20])
    near = points(fitted(AlisePeer(threshold=0.5), records, vectors), records[:20], vectors[:20])
    far = points(fitted(AlisePeer(threshold=0.5), records, vectors), records[:20], -vectors[:20])
    assert not np.allclose(alone, near)
    # Far from all rows only the network can tell prompts apart so: it answers as it does alone.
    opposite = fitted(AlisePeer(threshold=1.1), records, vectors)
    assert np.array_equal(far, points(opposite, records[:20], -vectors[:20]))

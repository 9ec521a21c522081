"""SSJF's proxy: its objectives by hand, and that it learns, with the packaged encoder."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from index_builder.baselines.ssjf import SsjfPeer
from index_builder.baselines.ssjf_objectives import OBJECTIVES, LengthClasses
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.errors import EncoderError
from tests.index_builder.baselines.histories import history, vectors_of

LENGTHS = np.arange(1, 101, dtype=float)


def exact(objective, lengths):
    """What a perfect network would give."""
    targets = objective.targets(lengths)
    if objective.outputs == 1:
        return targets.float().numpy()[:, None]
    return torch.nn.functional.one_hot(targets, objective.outputs).numpy()


@pytest.mark.parametrize("name", ["l1", "mse"])
def test_a_perfect_regression_gives_the_lengths_themselves(name):
    objective = OBJECTIVES[name](LENGTHS)
    given = exact(objective, LENGTHS)
    assert given.mean() == pytest.approx(0, abs=1e-6)
    assert given.std() == pytest.approx(1, rel=1e-5)
    assert objective.lengths(given) == pytest.approx(LENGTHS, rel=1e-4)


@pytest.mark.parametrize("name", ["5class", "ordinal"])
def test_a_perfect_classification_gives_the_median_of_each_class(name):
    objective = OBJECTIVES[name](LENGTHS)
    said = objective.lengths(exact(objective, LENGTHS))
    assert sorted(set(said.tolist())) == [13, 38, 63, 87.5, 100]
    assert said[0] == 13
    assert said[-1] == 100


def test_the_regressions_differ_by_how_they_weigh_a_large_error():
    given, wanted = torch.tensor([[0.0], [4.0]]), torch.zeros(2)
    losses = [float(OBJECTIVES[name](LENGTHS).loss(given, wanted)) for name in ("l1", "mse")]
    assert losses == [2, 8]


def test_an_ordinal_answer_beyond_the_classes_is_the_outermost_class():
    objective = OBJECTIVES["ordinal"](LENGTHS)
    assert objective.lengths(np.array([[-3.0], [2.4], [9.0]])).tolist() == [13, 63, 100]


def test_a_regression_never_predicts_less_than_nothing():
    assert OBJECTIVES["l1"](LENGTHS).lengths(np.array([[-9.0]]))[0] == 0


def test_equal_lengths_leave_classes_empty_but_every_class_has_a_length():
    classes = LengthClasses.from_lengths(np.full(30, 7.0))
    assert classes.medians.tolist() == [7] * 5


@pytest.fixture(scope="module")
def regression():
    peer = SsjfPeer("l1", encoder=DEFAULT_ENCODER, epochs=6)
    records = history(160)
    peer.fit(records, vectors_of(records))
    return peer


def points(peer, records):
    return peer.predict(records, vectors_of(records)).point


def test_the_proxy_learns_an_order_of_lengths(regression):
    asked = history(60, seed=5)
    truth = [r.output_tokens for r in asked]
    assert np.corrcoef(points(regression, asked), truth)[0, 1] > 0.6


def test_what_a_row_was_answered_with_does_not_change_what_the_proxy_predicts(regression):
    asked = history(10, seed=5)
    other = [replace(r, output_tokens=7, samples=(1,)) for r in asked]
    assert np.array_equal(points(regression, asked), points(regression, other))


def test_one_seed_trains_one_proxy_whatever_chance_came_before():
    records, asked = history(40), history(10, seed=5)
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        peer = SsjfPeer("5class", encoder=DEFAULT_ENCODER, epochs=1)
        peer.fit(records, vectors_of(records))
        found.append(points(peer, asked))
    assert np.array_equal(*found)


def test_training_leaves_the_callers_chance_alone():
    records = history(33)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    SsjfPeer("ordinal", encoder=DEFAULT_ENCODER, epochs=1).fit(records, vectors_of(records))
    assert torch.equal(torch.rand(1), expected)


def test_a_proxy_without_a_model_to_start_from_says_so(tmp_path):
    with pytest.raises(EncoderError, match="SSJF's proxy cannot start from"):
        SsjfPeer("l1", encoder=str(tmp_path)).fit(history(4), vectors_of(history(4)))

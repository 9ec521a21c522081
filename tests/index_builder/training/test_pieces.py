"""Batches, targets, loss, learning rates, averages: the pieces of a training."""

import numpy as np
import pytest
import torch
from torch import nn

from index_builder.training.base_model import BaseModel
from index_builder.training.batches import masked, padded, shuffled_batches
from index_builder.training.network import EncoderModule, length_loss
from index_builder.training.optimiser import AveragedWeights, rate_factor
from index_builder.training.options import TrainOptions
from index_builder.training.targets import Bins, LengthTargets
from index_builder.training.trainer import CheckpointFile
from index_builder.training.training_set import LlmOffsets
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord


def test_every_row_is_in_exactly_one_batch():
    lengths = np.random.default_rng(0).integers(1, 100, 333)
    batches = shuffled_batches(lengths, 32, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(333))
    assert max(map(len, batches)) == 32


def test_rows_of_a_batch_are_of_like_length():
    lengths = np.random.default_rng(0).integers(1, 100, 1024)
    batches = shuffled_batches(lengths, 32, np.random.default_rng(1))
    assert max(np.ptp(lengths[batch]) for batch in batches) < 15


def test_the_order_is_decided_by_the_seed_alone():
    lengths = list(range(100))
    one, same, other = (shuffled_batches(lengths, 8, np.random.default_rng(s)) for s in (1, 1, 2))
    assert all(map(np.array_equal, one, same))
    assert not all(map(np.array_equal, one, other))


def test_padding_is_masked():
    ids, mask = padded([[5, 6], [7, 8, 9]])
    assert ids.tolist() == [[5, 6, 0], [7, 8, 9]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]


def test_special_tokens_and_padding_are_never_hidden():
    ids, mask = padded([[1, *[7] * 50, 2], [1, *[7] * 20, 2]])
    hidden = masked(ids, mask, share=0.5, mask_id=9)
    assert hidden[:, 0].tolist() == [1, 1]
    assert (hidden[0, -1].item(), hidden[1, 21].item()) == (2, 2)
    assert set(hidden[1, 22:].tolist()) == {0}
    assert 15 < (hidden == 9).sum().item() < 55


def test_bins_are_about_equally_full_and_ascend():
    values = np.random.default_rng(0).normal(size=1000)
    bins = Bins.fit(values, 10)
    assert np.all(np.diff(bins.middles) > 0)
    assert np.bincount(bins.place(values)).min() > 80


def test_a_history_of_one_length_has_bins_too():
    bins = Bins.fit(np.full(50, 3.0), 10)
    assert len(bins) >= 2
    assert bins.histogram(np.array([3.0])).sum() == pytest.approx(1)


def record(tokens, **more):
    return HistoryRecord("a prompt", tokens, **more)


def test_several_draws_share_the_target():
    bins = Bins.fit(np.log1p(np.arange(1, 1000.0)), 20)
    targets = LengthTargets.from_records([record(10, samples=(900,))], np.zeros(1), bins)
    low, high = bins.place(np.log1p([10.0, 900.0]))
    assert targets.histogram[0, low] == pytest.approx(targets.histogram[0, high], rel=0.5)
    assert targets.centre[0] == pytest.approx(np.log1p(455), abs=1e-6)


def test_a_row_that_was_cut_off_may_end_in_any_bin_beyond():
    bins = Bins.fit(np.log1p(np.arange(1, 1000.0)), 20)
    targets = LengthTargets.from_records([record(500, finish_reason="length")], np.zeros(1), bins)
    first = bins.place(np.log1p([500.0]))[0]
    assert targets.histogram[0].tolist() == [0] * first + [1] * (len(bins) - first)


def loss_of(favoured, *, censored, centre=0.0):
    logits = torch.full((1, 5), -10.0)
    logits[0, favoured] = 10
    histogram = torch.tensor([[0.0, 0.0, 1.0, 1.0, 1.0] if censored else [0.0, 0.0, 1.0, 0.0, 0.0]])
    middles = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    return float(
        length_loss(logits, middles, torch.tensor([centre]), histogram, torch.tensor([censored]))
    )


def test_the_loss_is_least_where_the_truth_is():
    losses = [loss_of(b, censored=False) for b in range(5)]
    assert np.argmin(losses) == 2


def test_predicting_longer_than_a_cut_off_answer_costs_nothing():
    losses = [loss_of(b, censored=True) for b in range(5)]
    assert losses[2:] == pytest.approx([0, 0, 0], abs=1e-3)
    assert losses[0] > losses[1] > 1


@pytest.mark.parametrize("dropout", [True, False])
def test_an_encoder_that_drops_nothing_says_the_same_in_training_as_later(tiny_model, dropout):
    model = BaseModel.load(tiny_model)
    encoder = EncoderModule(model.transformer, train_words=False, dropout=dropout)
    ids, mask = padded(model.tokenize(["w1 w2 w3 w4 w5 w6 w7"] * 8, 32))
    learning, served = (encoder.train(on)(ids, mask).detach() for on in (True, False))
    assert torch.allclose(learning, served) is not dropout


def test_the_learning_rate_rises_and_then_falls_to_nothing():
    factors = [rate_factor(step, 100) for step in range(101)]
    assert factors.index(max(factors)) == 9
    assert factors[100] == 0
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_averages_lag_behind_and_swapping_twice_changes_nothing():
    module = nn.Linear(1, 1)
    averaged = AveragedWeights([module], keep=0.9)
    before = module.weight.item()
    with torch.no_grad():
        module.weight += 1
    averaged.follow()
    averaged.swap()
    assert before < module.weight.item() < before + 1
    averaged.swap()
    assert module.weight.item() == pytest.approx(before + 1)


def test_a_checkpoint_of_another_training_is_not_taken_up(tmp_path):
    CheckpointFile(tmp_path, "one").save({"step": 3})
    assert CheckpointFile(tmp_path, "other").load() is None
    assert CheckpointFile(tmp_path, "one").load()["step"] == 3


def test_a_damaged_checkpoint_is_as_good_as_none(tmp_path):
    CheckpointFile(tmp_path, "one").save({"step": 3})
    (tmp_path / "checkpoint.pt").write_bytes(b"not one")
    assert CheckpointFile(tmp_path, "one").load() is None


def test_an_llm_with_few_rows_leans_on_all():
    many = [HistoryRecord("p", 100, "usual") for _ in range(200)]
    some = [HistoryRecord("p", 400, "long") for _ in range(100)]
    few = [HistoryRecord("p", 400, "new")] * 2
    offsets = LlmOffsets.from_records([*many, *some, *few])
    of = dict(zip(offsets.models, offsets.values[1:], strict=True))
    assert of["long"] > 5 * of["new"] > 0 == of["usual"]


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"bins": 2}, {"validation_share": 0.9}, {"averaging": 1.0}]
)
def test_options_out_of_range_name_value_and_range(wrong):
    (name,) = wrong
    with pytest.raises(InvalidInputError, match=f"{name} is .*: expected"):
        TrainOptions(**wrong)

"""Training from end to end, on a BERT made on the spot."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from index_builder.build.builder import SilentProgress
from index_builder.build.split import is_validation
from index_builder.build.train_and_build import CHECKPOINTS, train_and_build
from index_builder.evaluation.evaluate import evaluate_file
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining
from index_builder.training.train import train
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.errors import ArtifactIncompleteError, EncoderError, InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.index import LengthIndex
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE
from tests.lengthwise.index.fakes import Source, topic_history
from tests.lengthwise.index.tiny_bert import save_tiny_bert

OPTIONS = TrainOptions(epochs=3, encoder_lr=2e-3, batch_size=16, masking=0.05, averaging=0.9)
THOROUGH = replace(OPTIONS, epochs=10, patience=10)


class KilledError(Exception):
    """Stands for a kill in the middle of a training."""


class KilledAt(SilentTraining):
    """Ends a training after so many passes."""

    def __init__(self, passes):
        self.left = passes

    def validated(self, kendall_tau_b):
        self.left -= 1

    def rows(self, count, *, loss=None):
        if self.left == 0 and loss is not None:
            raise KilledError


class Counted(SilentTraining):
    """Notes the passes."""

    def __init__(self):
        self.passes = []

    def epoch(self, number, of, rows):
        self.passes.append(number)


@pytest.fixture(scope="module")
def root(tiny_model, tmp_path_factory):
    """Folder of an index in a trained space."""
    out = tmp_path_factory.mktemp("store")
    return train_and_build(topic_history(600), out, tiny_model, train_options=THOROUGH).path


@pytest.fixture(scope="module")
def trained(root):
    """That index."""
    return LengthIndex.load(root)


def test_prompts_it_was_not_trained_on_are_ordered_by_length(trained):
    evaluation = evaluate_file(trained, topic_history(200, seed=9), SilentProgress())
    served = evaluation.metrics["trained"]
    assert evaluation.predictor == "trained"
    assert {"head_alone", "neighbours_alone"} <= set(evaluation.metrics)
    assert served.kendall_tau_b > 0.7
    assert 0.8 < served.coverage_90 <= 1


def test_the_head_alone_knows_what_is_long(trained, root):
    head = LengthHead.load(root / HEAD_FILE)
    prompts = [r.prompt for r in topic_history(80, seed=3)]
    medians = np.median(head.atoms(trained.encode(prompts), prompts, ["llm"] * 80), axis=1)
    shortest, longest = medians[0::8], medians[7::8]
    assert np.median(longest) > np.median(shortest) + 2


def test_the_artifact_says_how_it_was_trained(trained, tiny_model):
    facts = trained.manifest.training
    assert (facts.base, facts.epochs) == (tiny_model, 10)
    assert facts.rows + facts.validation_rows == 600
    assert facts.validation_rows == sum(is_validation(r, 0.1) for r in topic_history(600))
    assert trained.manifest.encoder.trained


def test_the_encoder_lies_in_the_artifact_and_is_checked(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    LengthIndex.load(copy)
    next(copy.rglob("*.safetensors")).unlink()
    with pytest.raises(ArtifactIncompleteError, match="safetensors is missing"):
        LengthIndex.load(copy)


def test_training_leaves_nothing_beside_the_versions(root):
    store = root.parents[1]
    assert not [p for p in store.iterdir() if p.name.startswith(".trained")]
    assert not list((store / CHECKPOINTS).glob("*"))


def test_the_same_seed_gives_the_same_encoder_and_head(tiny_model, tmp_path):
    hashes = []
    for name in "ab":
        folder = tmp_path / name
        train(topic_history(200), tiny_model, folder, OPTIONS, checkpoints=tmp_path / "c" / name)
        hashes.append(load_encoder(str(folder / ENCODER_FOLDER)).content_hash)
    assert hashes[0] == hashes[1]


def test_a_killed_training_goes_on_where_it_was_and_ends_the_same(tiny_model, tmp_path):
    history = topic_history(200)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train(history, tiny_model, whole, OPTIONS, checkpoints=tmp_path / "c1")
    with pytest.raises(KilledError):
        train(
            *(history, tiny_model, halves, OPTIONS),
            checkpoints=tmp_path / "c2",
            progress=KilledAt(2),
        )
    counted = Counted()
    train(history, tiny_model, halves, OPTIONS, checkpoints=tmp_path / "c2", progress=counted)
    assert counted.passes == [3]
    one, other = (load_encoder(str(f / ENCODER_FOLDER)).content_hash for f in (whole, halves))
    assert one == other


def test_a_small_history_profits_from_that_of_another_llm(tiny_model, tmp_path):
    own = Source(topic_history(120, model="mine", factor=2.0))
    other = topic_history(600, seed=5, model="theirs")
    asked = topic_history(200, seed=9, model="mine", factor=2.0)
    options = replace(OPTIONS, epochs=2, first_epochs=8)
    alone = train_and_build(own, tmp_path / "a", tiny_model, train_options=options)
    after = train_and_build(
        *(own, tmp_path / "b", tiny_model), train_options=options, learn_first=other
    )
    taus = [
        evaluate_file(LengthIndex.load(r.path), asked, SilentProgress())
        .metrics["trained"]
        .kendall_tau_b
        for r in (alone, after)
    ]
    assert taus[1] > taus[0]
    assert after.manifest.training.first_rows == 600


def test_a_prompt_like_no_other_is_answered_by_the_head(trained):
    (estimate,) = trained.predict([Query("w1 w2 w3 unheard of", "llm")])
    assert estimate.basis in ("head", "neighbours")
    assert estimate.confidence < 0.7


def test_too_few_rows_to_train_on_are_refused(tiny_model, tmp_path):
    with pytest.raises(InvalidInputError, match="rows to train on: expected at least 100"):
        train(topic_history(50), tiny_model, tmp_path, checkpoints=tmp_path / "c")


def test_a_model_that_is_not_mean_pooled_is_refused(tmp_path):
    folder = save_tiny_bert(tmp_path, pooling="cls")
    with pytest.raises(EncoderError, match="cannot be trained"):
        train(topic_history(200), str(folder), tmp_path, checkpoints=tmp_path / "c")


def test_an_llm_with_fifty_rows_is_predicted_better_than_by_all_together(tiny_model, tmp_path):
    history = Source(topic_history(600, model="old"))
    history.extend(topic_history(50, seed=3, model="new", factor=4.0))
    asked = topic_history(160, seed=9, model="new", factor=4.0)
    built = train_and_build(history, tmp_path, tiny_model, train_options=THOROUGH)
    index = LengthIndex.load(built.path)

    def error(model):
        estimates = index.predict([Query(r.prompt, model) for r in asked])
        pairs = zip(estimates, asked, strict=True)
        return np.mean([abs(np.log(e.median_tokens / r.output_tokens)) for e, r in pairs])

    assert error("new") < 0.7 * error("")

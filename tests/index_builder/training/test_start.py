"""Trainings that start from an index trained before."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from index_builder.build.builder import SilentProgress, build_index
from index_builder.build.train_and_build import train_and_build
from index_builder.distillation import distil, students
from index_builder.distillation.student_choice import StudentOptions
from index_builder.evaluate import evaluate_file
from index_builder.training.options import TrainOptions
from index_builder.training.train import Start
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex
from tests.lengthwise.index.fakes import Source, topic_history

OPTIONS = TrainOptions(epochs=2, encoder_lr=2e-3, batch_size=16, masking=0.05, averaging=0.9)


@pytest.fixture(scope="module")
def general(tiny_model, tmp_path_factory):
    """Store of an index trained on other LLMs' history."""
    store = tmp_path_factory.mktemp("general")
    history = topic_history(600, seed=5, model="theirs")
    train_and_build(history, store, tiny_model, train_options=replace(OPTIONS, epochs=5))
    return store


def test_a_small_history_is_ordered_better_from_an_index_trained_before(
    general, tiny_model, tmp_path
):
    own = Source(topic_history(120, model="mine", factor=2.0))
    asked = topic_history(200, seed=9, model="mine", factor=2.0)
    taus = []
    for base in (tiny_model, str(general)):
        built = train_and_build(own, tmp_path / str(len(taus)), base, train_options=OPTIONS)
        evaluation = evaluate_file(LengthIndex.load(built.path), asked, SilentProgress())
        taus.append(evaluation.metrics["trained"].kendall_tau_b)
    assert taus[1] > taus[0] + 0.05
    facts = built.manifest.training
    assert (facts.base, facts.went_on_from, facts.start) == (tiny_model, *2 * [str(general)])


def test_an_index_may_go_on_from_itself_and_still_knows_the_model_it_began_with(
    general, tiny_model, tmp_path, monkeypatch
):
    shutil.copytree(general, tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    own = Source(topic_history(120, model="mine", factor=2.0))
    once = replace(OPTIONS, epochs=1)
    for _ in range(2):
        built = train_and_build(own, Path("store"), "store", train_options=once)
    facts = built.manifest.training
    assert (facts.base, facts.start) == (tiny_model, str(tmp_path / "store"))
    assert built.manifest.encoder.name == f"{tiny_model}, trained on this history"


def test_the_head_is_trained_on_and_a_plain_model_brings_none(general, tiny_model):
    assert Start.from_name(str(general)).head is not None
    assert Start.from_name(tiny_model).head is None


def test_an_index_that_was_not_trained_is_refused_as_a_start(tiny_model, tmp_path):
    build_index(Source(topic_history(60)), tmp_path, load_encoder(tiny_model))
    with pytest.raises(InvalidInputError, match="was not trained: expected an index with"):
        Start.from_name(str(tmp_path))


def test_a_static_encoder_is_refused_as_a_start(general, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(distil, "STATIC_PACE", replace(students.STATIC_PACE, taught_rows=600))
    monkeypatch.setattr(students, "PAIR_BITS", 6)
    history = Source(topic_history(600, seed=5, model="theirs"))
    student, teacher = StudentOptions(layers=0), next(general.glob("versions/*"))
    train_and_build(history, tmp_path, tiny_model, student=student, teachers=[teacher])
    with pytest.raises(InvalidInputError, match="holds a static encoder"):
        Start.from_name(str(tmp_path))

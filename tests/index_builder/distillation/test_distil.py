"""Students of a trained encoder: a layer of it, or looked-up vectors."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from index_builder.build.train_and_build import train_and_build
from index_builder.distillation import distil, students, train_and_distil
from index_builder.distillation.distil import TeachingSet, teach, usable_unlabelled
from index_builder.distillation.student_choice import (
    StudentOptions,
)
from index_builder.distillation.teacher import Teacher
from index_builder.training.base_model import BaseModel
from index_builder.training.head_weights import FeatureScale, head_module, length_head
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining
from index_builder.training.targets import Bins
from index_builder.training.train import train
from index_builder.training.training_set import LlmOffsets, split_records
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.errors import EncoderError, InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.head import LengthHead, prompt_features
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.layout import (
    ENCODER_FOLDER,
    HEAD_FILE,
    MANIFEST_FILE,
    ArtifactLayout,
    read_manifest,
)
from tests.lengthwise.index.fakes import topic_history

OPTIONS = TrainOptions(epochs=4, encoder_lr=2e-3, batch_size=16, masking=0.05, averaging=0.9)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few places for pairs and few rows taught: what is held does not hang on their number."""
    monkeypatch.setattr(students, "PAIR_BITS", 6)
    quick = {"taught_rows": 3_000, "max_epochs": 8, "batch_size": 32}
    for name in ("LAYERED_PACE", "STATIC_PACE"):
        faster = replace(getattr(students, name), encoder_lr=1e-2, head_lr=1e-2, **quick)
        monkeypatch.setattr(distil, name, faster)


@pytest.fixture(scope="module")
def teacher_index(tiny_model, tmp_path_factory):
    """Folder of an index with a trained encoder."""
    out = tmp_path_factory.mktemp("teacher")
    return train_and_build(topic_history(400), out, tiny_model, train_options=OPTIONS).path


@pytest.fixture(scope="module")
def other_teacher_index(tiny_model, tmp_path_factory):
    """The same of one that learnt the same rows in another way."""
    out = tmp_path_factory.mktemp("other-teacher")
    options = replace(OPTIONS, epochs=1, encoder_lr=1e-4)
    return train_and_build(topic_history(400), out, tiny_model, train_options=options).path


@pytest.fixture(scope="module")
def teaching(teacher_index):
    """What students of it learn from."""
    learnt, validation = split_records(topic_history(400), 0.1, 0)
    prompts = [record.prompt for record in topic_history(200, seed=7)]
    return TeachingSet.ask(
        [Teacher(teacher_index, "cpu")],
        learnt,
        validation,
        usable_unlabelled(prompts, learnt, validation, 0),
        options=OPTIONS,
        progress=SilentTraining(),
    )


def taught(teaching, layers, folder):
    """A student, as it was left in a folder."""
    teach(
        *(teaching, layers, folder, OPTIONS),
        device="cpu",
        checkpoints=folder / "checkpoints",
        progress=SilentTraining(),
    )
    encoder = load_encoder(str(folder / ENCODER_FOLDER), device="cpu", precision="float32")
    return encoder, LengthHead.load(folder / HEAD_FILE)


@pytest.mark.parametrize(("layers", "runtime"), [(1, "packed"), (0, "static")])
def test_a_student_orders_prompts_that_it_never_saw(teaching, tmp_path, layers, runtime):
    encoder, head = taught(teaching, layers, tmp_path)
    assert encoder.runtime.endswith(runtime)
    asked = topic_history(200, seed=9)
    prompts = [record.prompt for record in asked]
    atoms = head.atoms(encoder.encode(prompts), prompts, ["llm"] * len(prompts))
    found = kendalltau(np.median(atoms, axis=1), [record.output_tokens for record in asked])
    assert found.statistic > 0.5


@pytest.mark.parametrize(
    "student",
    [StudentOptions(layers=1, pooling_layer=True), StudentOptions(layers=1, feed_forward=16)],
    ids=["pooling", "narrow"],
)
def test_a_student_of_other_layers_learns_and_says_so(teacher_index, tiny_model, tmp_path, student):
    built = train_and_build(
        *(topic_history(400), tmp_path, tiny_model),
        train_options=OPTIONS,
        student=student,
        teachers=[teacher_index],
    )
    facts = read_manifest(ArtifactLayout(built.path)).training.student
    assert facts.layers == 1
    assert (facts.pooling_layer, facts.feed_forward) == (
        student.pooling_layer,
        student.feed_forward,
    )
    written = json.loads((built.path / MANIFEST_FILE).read_text("utf-8"))["training"]["student"]
    later = {"pooling_layer": student.pooling_layer, "feed_forward": student.feed_forward}
    assert [name in written for name in later] == [bool(value) for value in later.values()], (
        "a release from before would not read it"
    )
    assert facts.kendall_tau_b > 0.5
    model = BaseModel.load(str(built.path / ENCODER_FOLDER))
    assert (model.pooling_layer is not None) == student.pooling_layer
    assert model.transformer.config.intermediate_size == (student.feed_forward or 64)
    index = LengthIndex.load(built.path)
    assert index.encoder.runtime.endswith("packed")
    asked = topic_history(200, seed=9)
    found = index.predict([Query(record.prompt, "llm") for record in asked])
    order = kendalltau([e.median_tokens for e in found], [r.output_tokens for r in asked])
    assert order.statistic > 0.5


def test_the_word_embeddings_of_a_student_learn(teaching, tmp_path):
    taught(teaching, 1, tmp_path)
    student = BaseModel.load(str(tmp_path / ENCODER_FOLDER))
    words = [m.transformer.embeddings.word_embeddings.weight for m in (teaching.model, student)]
    assert not torch.equal(*words)


def test_other_students_take_the_mean_as_before(teaching, tmp_path):
    taught(teaching, 1, tmp_path)
    assert BaseModel.load(str(tmp_path / ENCODER_FOLDER)).pooling_layer is None


def test_the_same_seed_gives_the_same_student(teaching, tmp_path):
    one, other = (taught(teaching, 0, tmp_path / name)[0] for name in "ab")
    assert one.content_hash == other.content_hash


class Passes(SilentTraining):
    """Notes the passes that begin, and ends the training at one of them."""

    def __init__(self, killed_at=None):
        self.begun = []
        self.killed_at = killed_at

    def epoch(self, number, *_):
        if number == self.killed_at:
            raise KeyboardInterrupt
        self.begun.append(number)


@pytest.mark.parametrize(("other", "first"), [({}, 2), ({"space_weight": 1.0}, 1)])
def test_a_killed_student_goes_on_unless_it_was_taught_otherwise(
    teaching, tmp_path, monkeypatch, other, first
):
    def teach_it(progress):
        teach(
            *(teaching, 1, tmp_path, OPTIONS),
            device="cpu",
            checkpoints=tmp_path / "checkpoints",
            progress=progress,
        )

    with pytest.raises(KeyboardInterrupt):
        teach_it(Passes(killed_at=2))
    monkeypatch.setattr(distil, "LAYERED_PACE", replace(distil.LAYERED_PACE, **other))
    going_on = Passes()
    teach_it(going_on)
    assert going_on.begun[0] == first


def test_the_teacher_is_left_as_it_was(teaching, teacher_index, tmp_path):
    before = teaching.teacher.content_hash
    taught(teaching, 1, tmp_path)
    assert load_encoder(str(teacher_index / ENCODER_FOLDER)).content_hash == before


def test_an_index_of_a_student_says_so_and_answers(teacher_index, tiny_model, tmp_path):
    built = train_and_build(
        *(topic_history(400), tmp_path, tiny_model),
        train_options=OPTIONS,
        student=StudentOptions(layers=0),
        unlabelled=["a prompt of no history", *(r.prompt for r in topic_history(20, seed=5))],
        teachers=[teacher_index],
    )
    facts = read_manifest(ArtifactLayout(built.path)).training
    trained = read_manifest(ArtifactLayout(teacher_index)).training
    assert (facts.student.layers, facts.base) == (0, tiny_model)
    assert facts.student.trained_kendall_tau_b == trained.best_kendall_tau_b
    assert facts.student.unlabelled_rows > 0
    index = LengthIndex.load(built.path)
    assert index.encoder.runtime == "cpu float32 static"
    (estimate,) = index.predict([Query(topic_history(1)[0].prompt, "llm")])
    assert estimate.quantile_tokens[0] < estimate.quantile_tokens[-1]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith((".student", ".trained"))]


def test_where_no_student_is_as_good_the_trained_encoder_stays(
    teacher_index, tiny_model, tmp_path, monkeypatch
):
    for name in ("LAYERED_PACE", "STATIC_PACE"):
        idle = replace(getattr(students, name), taught_rows=1, encoder_lr=0.0, head_lr=0.0)
        monkeypatch.setattr(distil, name, idle)
    built = train_and_build(
        *(topic_history(400), tmp_path, tiny_model),
        train_options=OPTIONS,
        student=StudentOptions(),
        teachers=[teacher_index],
    )
    assert built.manifest.training.student is None
    assert built.manifest.encoder.content_hash == Teacher(teacher_index).content_hash


def test_of_two_teachers_the_mean_of_what_they_say_is_learnt(
    teacher_index, other_teacher_index, teaching, tmp_path
):
    teachers = [Teacher(folder, "cpu") for folder in (teacher_index, other_teacher_index)]
    learnt, validation = split_records(topic_history(400), 0.1, 0)
    both, other = (
        TeachingSet.ask(asked, learnt, validation, (), options=OPTIONS, progress=SilentTraining())
        for asked in (teachers, teachers[1:])
    )
    rows = slice(len(learnt))
    alone = teaching.answers.probabilities[rows]
    assert np.abs(alone - other.answers.probabilities).max() > 0.05
    mean = (alone + other.answers.probabilities) / 2
    assert both.answers.probabilities == pytest.approx(mean, abs=1e-6)
    assert (both.answers.vectors == teaching.answers.vectors[rows]).all()
    assert both.key != other.key
    encoder, _ = taught(both, 1, tmp_path)
    assert encoder.runtime.endswith("packed")


def test_a_student_of_two_teachers_has_the_layers_of_the_first(
    teacher_index, other_teacher_index, tiny_model, tmp_path
):
    built = train_and_build(
        *(topic_history(400), tmp_path, tiny_model),
        train_options=OPTIONS,
        student=StudentOptions(layers=2),
        teachers=[teacher_index, other_teacher_index],
    )
    assert built.manifest.encoder.content_hash == Teacher(teacher_index).content_hash


@pytest.mark.parametrize(
    ("trained", "message"),
    [
        ((400, 1), "expected teachers that held out the same rows"),
        ((300, 0), "expected teachers of one history"),
    ],
)
def test_teachers_that_learnt_other_rows_are_refused(
    teacher_index, tiny_model, tmp_path, trained, message
):
    rows, seed = trained
    quick = replace(OPTIONS, epochs=1, seed=seed)
    history = topic_history(rows)
    other = train_and_build(history, tmp_path / "other", tiny_model, train_options=quick).path
    with pytest.raises(InvalidInputError, match=message):
        train_and_build(
            *(topic_history(400), tmp_path, tiny_model),
            train_options=OPTIONS,
            student=StudentOptions(layers=1),
            teachers=[teacher_index, other],
        )


def test_a_student_is_no_teacher(teacher_index, tiny_model, tmp_path):
    arguments = (topic_history(400), tmp_path, tiny_model)
    student = train_and_build(
        *arguments, student=StudentOptions(layers=0), teachers=[teacher_index]
    ).path
    with pytest.raises(InvalidInputError, match="holds a student itself"):
        train_and_build(*arguments, student=StudentOptions(layers=0), teachers=[student])


def test_more_layers_than_the_encoder_has_are_refused(teacher_index, tiny_model, tmp_path):
    with pytest.raises(InvalidInputError, match="layers is 3: the encoder has 2"):
        train_and_build(
            *(topic_history(400), tmp_path, tiny_model),
            student=StudentOptions(layers=3),
            teachers=[teacher_index],
        )


@pytest.mark.parametrize("student", [{"layers": 1}, {}, {"target_speed": 1.5}])
def test_a_feed_forward_part_that_would_not_be_narrower_is_refused_before_any_training(
    tiny_model, tmp_path, monkeypatch, student
):
    monkeypatch.setattr(train_and_distil, "train", None)
    with pytest.raises(InvalidInputError, match="feed_forward is 64: the encoder's layers have 64"):
        train_and_build(
            *(topic_history(400), tmp_path, tiny_model),
            student=StudentOptions(**student, feed_forward=64),
        )


def test_a_speed_is_not_reached_by_the_trained_encoder_where_other_layers_are_asked_for(
    teacher_index, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(train_and_distil, "encoder_speed", lambda *_: 9.0)
    monkeypatch.setattr(train_and_distil, "saved_speed", lambda *_: 10.0)
    built = train_and_build(
        *(topic_history(400), tmp_path, tiny_model),
        train_options=OPTIONS,
        student=StudentOptions(target_speed=1.0, feed_forward=16),
        teachers=[teacher_index],
    )
    assert read_manifest(ArtifactLayout(built.path)).training.student is not None


def test_prompts_held_out_are_not_learnt_in_other_letters_or_with_other_spaces():
    learnt, held_out = [HistoryRecord("known", 1)], [HistoryRecord("Held  out", 1)]
    prompts = ["new", "known", "held out", " HELD\nOUT ", "new", "New"]
    assert usable_unlabelled(prompts, learnt, held_out, 0) == ["new", "New"]


def test_of_too_many_prompts_a_sample_is_taken(monkeypatch):
    monkeypatch.setattr(distil, "MAX_UNLABELLED", 10)
    prompts = [f"prompt {i}" for i in range(50)]
    chosen = usable_unlabelled(prompts, [], [], 3)
    assert len(set(chosen)) == 10
    assert chosen == usable_unlabelled(prompts, [], [], 3) != prompts[:10]


def test_a_head_that_is_taken_up_again_says_the_same(teaching):
    head = teaching.teacher.head
    module = head_module(head, len(head.vector_weight)).eval()
    again = length_head(
        module,
        LlmOffsets(head.models, head.offsets),
        Bins.from_edges(head.edges, head.edges),
        FeatureScale.from_head(head),
    )
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((5, len(head.vector_weight))).astype(np.float32)
    shown = (vectors, prompt_features(["a", "b c", "d?", "e", "f 1"]), np.zeros(5, np.int64))
    assert again.probabilities(*shown) == pytest.approx(head.probabilities(*shown), abs=1e-6)


def test_a_static_encoder_cannot_be_trained_on(teaching, tmp_path):
    taught(teaching, 0, tmp_path)
    with pytest.raises(EncoderError, match="cannot be loaded"):
        BaseModel.load(str(tmp_path / ENCODER_FOLDER))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        train(
            *(topic_history(200), str(tmp_path / ENCODER_FOLDER), tmp_path / "out"),
            checkpoints=tmp_path / "c",
        )

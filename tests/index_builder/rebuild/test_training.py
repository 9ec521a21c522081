"""A rebuild that trains the encoder anew, and those after it that go on with what it learnt."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.build.builder import build_index
from index_builder.build.train_and_build import train_and_build
from index_builder.distillation import distil, students
from index_builder.distillation.student_choice import StudentOptions
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.round import Rebuild
from index_builder.rebuild.vector_rows import encoded
from index_builder.training.options import TrainOptions
from lengthwise.history.database.completion import Report
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.index import LengthIndex
from lengthwise.index.store import Published
from tests.index_builder.rebuild.conftest import new_records
from tests.index_builder.training.conftest import tiny_model  # noqa: F401  a fixture
from tests.lengthwise.history.database.helpers import writing
from tests.lengthwise.index.fakes import topic_history

TRAINING = TrainOptions(epochs=2, encoder_lr=1e-3, head_lr=1e-2)


@pytest.fixture
def rebuild(tmp_path, tiny_model):  # noqa: F811
    """Reports rows, does a round; gives its outcome and the index that is current then."""
    encoder = load_encoder(tiny_model, device="cpu", precision="float32")
    build_index(topic_history(400), tmp_path / "store", encoder)
    job = Rebuild(
        history=str(tmp_path / "h.db"),
        place=Published.at(str(tmp_path / "store")),
        options=RebuildOptions(min_new_rows=40, tolerate_tau=2, tolerate_mae=10),
        device="cpu",
        precision="float32",
    )

    def run(
        records, *, training=None, vectors=None, encoder_hash="", tell=lambda _: None, **options
    ):
        with writing(job.history) as writer:
            writer.append([Report(records, vectors, encoder_hash)])
        chosen = replace(job.options, **options)
        outcome = replace(job, training=training, options=chosen).run(RoundProgress(tell))
        return outcome, LengthIndex.load(tmp_path / "store", device="cpu", precision="float32")

    return run


def test_a_training_brings_all_rows_into_the_new_space(rebuild, tiny_model):  # noqa: F811
    outcome, index = rebuild(new_records(200), training=TRAINING)
    assert (outcome.ending, outcome.rows) == (RoundEnding.PUBLISHED, 600)
    assert index.manifest.encoder.trained
    assert index.manifest.training.base == tiny_model
    assert index.manifest.training.rows + index.manifest.training.validation_rows == 550
    (vectors,) = index.stored_vectors()
    made = index.encode(index.rows.table.column("prompt").to_pylist())
    np.testing.assert_allclose(vectors, made, atol=1e-4)


def overtaking(rebuild, outcomes):
    """A round without a training that publishes right before the first which is told of that."""

    def tell(line):
        if line.startswith("Publishing") and not outcomes:
            outcomes.append(None)
            outcomes[0], _ = rebuild(new_records(100, seed=2))

    return tell


def test_a_training_that_was_overtaken_is_brought_to_the_version_that_is_current_then(rebuild):
    outcomes = []
    tell = overtaking(rebuild, outcomes)
    outcome, index = rebuild(new_records(200), training=TRAINING, tell=tell)
    (other,) = outcomes
    assert (other.ending, other.rows, other.last_sequence) == (RoundEnding.PUBLISHED, 700, 300)
    assert (outcome.ending, outcome.before) == (RoundEnding.PUBLISHED, other.version)
    assert outcome.carried_over
    assert outcome.comparison.rows > 20
    manifest = index.manifest
    assert (manifest.version, manifest.rows) == (outcome.version, 700)
    assert manifest.encoder.trained
    assert manifest.history.last_sequence == 300
    (vectors,) = index.stored_vectors()
    made = index.encode(index.rows.table.column("prompt").to_pylist())
    np.testing.assert_allclose(vectors, made, atol=1e-4)
    following, _ = rebuild(new_records(100, seed=3))
    assert (following.ending, following.rows) == (RoundEnding.PUBLISHED, 800)


def test_what_predicts_worse_than_the_version_that_overtook_it_is_not_brought_to_it(
    rebuild, monkeypatch
):
    outcomes = []
    tell = overtaking(rebuild, outcomes)

    def spoilt(rows, encoder, progress, **given):
        made = encoded(rows, encoder, progress, **given)
        places = np.random.default_rng(0).permutation(len(made))
        return replace(made, vectors=made.vectors[places])

    monkeypatch.setattr("index_builder.rebuild.carrying_over.encoded", spoilt)
    outcome, index = rebuild(new_records(200), training=TRAINING, tell=tell, tolerate_mae=0.1)
    assert outcome.ending is RoundEnding.REFUSED
    assert outcome.version == index.version == outcomes[0].version


def test_the_next_round_goes_on_with_the_trained_encoder_and_its_head(rebuild):
    _, trained = rebuild(new_records(200), training=TRAINING)
    outcome, index = rebuild(new_records(100, seed=2))
    assert (outcome.ending, outcome.rows) == (RoundEnding.PUBLISHED, 700)
    assert index.manifest.encoder == trained.manifest.encoder
    assert index.manifest.training == trained.manifest.training
    assert index.manifest.history.trained_until_unix_s == (
        trained.manifest.history.trained_until_unix_s
    )
    queries = [r.prompt for r in new_records(5, seed=3)]
    np.testing.assert_allclose(index.encode(queries), trained.encode(queries), atol=1e-6)


@pytest.mark.parametrize(
    "student",
    [
        StudentOptions(layers=0),
        StudentOptions(layers=1, pooling_layer=True),
        StudentOptions(layers=1, feed_forward=16),
    ],
    ids=["static", "pooling", "narrow"],
)
def test_a_training_after_a_student_makes_one_of_its_kind_again(
    rebuild,
    tiny_model,  # noqa: F811
    tmp_path,
    monkeypatch,
    student,
):
    monkeypatch.setattr(students, "PAIR_BITS", 4)
    for name in ("STATIC_PACE", "LAYERED_PACE"):
        quick = replace(getattr(students, name), taught_rows=800)
        monkeypatch.setattr(distil, name, quick)
    store = tmp_path / "store"
    train_and_build(
        *(topic_history(400), store, tiny_model), train_options=TRAINING, student=student
    )
    outcome, index = rebuild(new_records(200), training=TRAINING)
    assert (outcome.ending, outcome.rows) == (RoundEnding.PUBLISHED, 600)
    made = index.manifest.training.student
    for what in ("layers", "pooling_layer", "feed_forward"):
        assert getattr(made, what) == getattr(student, what)
    assert index.encoder.runtime.endswith("packed" if student.layers else "static")


def test_a_training_goes_on_from_the_index_that_the_one_before_went_on_from(
    rebuild,
    tiny_model,  # noqa: F811
    tmp_path,
):
    general, store = tmp_path / "general", tmp_path / "store"
    train_and_build(topic_history(200, model="other"), general, tiny_model, train_options=TRAINING)
    train_and_build(topic_history(400), store, str(general), train_options=TRAINING)
    _, index = rebuild(new_records(200), training=TRAINING)
    facts = index.manifest.training
    assert (facts.base, facts.went_on_from) == (tiny_model, str(general))
    assert facts.rows + facts.validation_rows == 550


def test_rows_without_text_cannot_be_trained_on_and_are_counted(rebuild):
    records = new_records(60, seed=2)
    vectors = np.eye(60, 32, dtype=np.float32) + 0.1
    rebuild(new_records(100))
    outcome, _ = rebuild(records, vectors=vectors, encoder_hash="any", training=TRAINING)
    assert outcome.ending is RoundEnding.TOO_LITTLE_NEW
    assert outcome.left_out == {"stored without text, which a training needs": 60}

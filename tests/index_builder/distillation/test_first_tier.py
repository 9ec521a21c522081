"""A training also teaches the first tier, from the encoder that will be served."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.build.builder import BuildOptions
from index_builder.build.train_and_build import train_and_build
from index_builder.distillation import distil, students
from index_builder.distillation.student_choice import StudentOptions
from index_builder.rebuild.live_version import EncoderSource
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.retraining import Retraining
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.encoder.static_encoder import is_static
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.first_tier.student import Student
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.layout import ENCODER_FOLDER, FIRST_TIER_FOLDER
from tests.index_builder.cli.test_cli import write_history
from tests.index_builder.training.test_command import run
from tests.lengthwise.index.fakes import topic_history

OPTIONS = TrainOptions(
    epochs=3,
    encoder_lr=2e-3,
    batch_size=16,
    masking=0.05,
    averaging=0.9,
    validation_share=0.4,
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few places for pairs and few rows taught: what is held does not hang on their number."""
    monkeypatch.setattr(students, "PAIR_BITS", 6)
    quick = {"taught_rows": 2_000, "max_epochs": 8, "batch_size": 32}
    for name in ("LAYERED_PACE", "STATIC_PACE"):
        faster = replace(getattr(students, name), encoder_lr=1e-2, head_lr=1e-2, **quick)
        monkeypatch.setattr(distil, name, faster)


@pytest.fixture
def build(tiny_model, tmp_path):
    def built(**options):
        return train_and_build(
            topic_history(600),
            tmp_path / "store",
            tiny_model,
            BuildOptions(cascade_loss=0.2),
            OPTIONS,
            device="cpu",
            **options,
        )

    return built


def test_what_is_taught_answers_new_prompts_about_as_the_encoder_does(build):
    result = build()
    facts = result.manifest.first_tier
    assert facts is not None
    assert facts.held_out_rows == result.manifest.training.validation_rows
    assert is_static(result.path / FIRST_TIER_FOLDER / ENCODER_FOLDER)
    assert not is_static(result.path / ENCODER_FOLDER)
    asked = [Query(r.prompt, "llm", 0) for r in topic_history(200, seed=8)]
    found = LengthIndex.load(result.path, device="cpu").predict(asked)
    second = LengthIndex.load(result.path, device="cpu", cascade=False).predict(asked)
    first = [i for i, estimate in enumerate(found) if estimate.tier == "first"]
    assert len(first) / len(found) == pytest.approx(facts.share, abs=0.15)
    apart = [abs(np.log(found[i].median_tokens / second[i].median_tokens)) for i in first]
    assert np.median(apart) < 0.3


def test_before_a_static_encoder_there_is_none(build):
    result = build(student=StudentOptions(layers=0))
    assert result.manifest.training.student.layers == 0
    assert result.manifest.first_tier is None
    assert not (result.path / FIRST_TIER_FOLDER).exists()


def test_a_rebuild_that_trains_teaches_it_anew_for_the_same_loss(tiny_model, tmp_path):
    encoder = load_encoder(tiny_model, device="cpu")
    before = replace(EncoderSource.from_encoder(encoder), cascade_loss=0.03)
    rows = HistoryRows.from_records(topic_history(200))
    for given, expected in ((None, 0.03), (0.1, 0.1)):
        training = Retraining(
            options=replace(OPTIONS, epochs=1),
            folder=tmp_path / f"trained-{given}",
            device="cpu",
            precision="float32",
            cascade_loss=given,
        )
        source = training.run(before, None, rows, RoundProgress())
        assert source.cascade_loss == expected
        assert source.folder is not None
        student = Student.load(source.folder / FIRST_TIER_FOLDER)
        assert student.knows(["llm", "other", ""]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "--cascade-loss", 0.005), "a first tier come of a training: give --train"),
        (("train", "--static", "--cascade-loss", 0.005), "--static and --cascade-loss: expected"),
        (("train", "--cascade-loss", -1), "cascade_loss is -1.0: expected a difference in tau-b"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, arguments, message):
    learnt = write_history(tmp_path / "learnt.jsonl", topic_history(30))
    refused = run(*arguments, "--history", learnt, "--out", tmp_path / "store")
    assert isinstance(refused.exception, InvalidInputError)
    assert message in str(refused.exception)

"""A first tier lies in a folder of the artifact; an artifact without one is as it was."""

import json

import pytest

from lengthwise.index.errors import ArtifactError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.first_tier.tier_fitting import TierCandidate, fit_first_tier
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.rows import rows_to_table
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.artifact_writer import ArtifactFacts, ArtifactWriter, FinishedTier
from lengthwise.index.store.layout import ENCODER_FOLDER, FIRST_TIER_FOLDER, HEAD_FILE
from lengthwise.index.store.manifest import EncoderIdentity, FirstTierFacts
from tests.lengthwise.index.fakes import topic_history
from tests.lengthwise.index.topic_student import save_student, topic_student

ENCODER = topic_student().encoder
UNSURE = (0, 7)
RECORDS = topic_history(800)
FACTS = ArtifactFacts(
    version="v1",
    encoder=EncoderIdentity.from_encoder(ENCODER),
    quantile_levels=(0.1, 0.5, 0.9),
    keeps_text=True,
    data_fingerprint="f",
)
ASKED = [
    Query(f"topic{t}-a topic{t}-b topic{t}-c filler1 filler2 filler3", "llm", 0) for t in range(8)
]


@pytest.fixture
def trained(tmp_path):
    """What a training leaves: an encoder, a head, and those of a first tier."""
    folder = tmp_path / "trained"
    save_student(topic_student(), folder)
    save_student(topic_student(unsure=UNSURE), folder / FIRST_TIER_FOLDER)
    return folder


@pytest.fixture
def write(tmp_path, trained):
    """Writes an artifact, with the first tier or without; gives its folder."""

    def written(*, first_tier):
        folder = tmp_path / f"artifact-{first_tier}"
        folder.mkdir()
        writer = ArtifactWriter(folder)
        writer.add_trained(trained)
        prompts = [record.prompt for record in RECORDS]
        rows = writer.write_rows([rows_to_table(RECORDS, keep_text=True)])
        matrix = ENCODER.encode(prompts)
        vectors = VectorIndex.build(matrix)
        fit = fit_estimator(matrix, rows, Searcher(vectors, rows))
        student, known = topic_student(unsure=UNSURE), KnownPrompts.from_prompts(prompts)
        tier = fit_first_tier(
            TierCandidate(student, known, dict(enumerate(prompts)), 0.01), fit, rows
        )
        assert tier is not None
        facts = FirstTierFacts(
            encoder=EncoderIdentity.from_training("static", student.encoder),
            allowed_loss=0.01,
            loss=tier.threshold.loss,
            loss_error=tier.threshold.loss_error,
            share=tier.threshold.share,
            held_out_rows=800,
        )
        finished = FinishedTier(tier.fitted, known, facts) if first_tier else None
        writer.write_vectors(vectors)
        writer.finish(FACTS, fit.estimator, {}, first_tier=finished)
        return folder

    return written


def loaded(folder, **options):
    return LengthIndex.load(folder, encoder=ENCODER, device="cpu", **options)


def test_a_first_tier_is_read_as_it_was_written(write):
    index = loaded(write(first_tier=True))
    assert [e.tier for e in index.predict(ASKED)] == [
        "second" if topic in UNSURE else "first" for topic in range(8)
    ]
    assert index.predict([Query(RECORDS[0].prompt, "llm", 0)])[0].tier == "second"
    facts = index.manifest.first_tier
    assert facts is not None
    assert (facts.allowed_loss, facts.held_out_rows) == (0.01, 800)
    assert facts.share == pytest.approx(6 / 8, abs=0.05)
    assert facts.encoder.trained


def test_whoever_wants_no_cascade_has_the_second_tier_answer_all(write):
    folder = write(first_tier=True)
    index = loaded(folder, cascade=False)
    assert index.first_tier is None
    assert index.predict(ASKED) == loaded(write(first_tier=False)).predict(ASKED)


def test_where_no_first_tier_is_kept_none_of_its_files_is(write):
    folder = write(first_tier=False)
    assert not (folder / FIRST_TIER_FOLDER).exists()
    assert (folder / ENCODER_FOLDER).is_dir()
    assert (folder / HEAD_FILE).is_file()
    assert loaded(folder).first_tier is None


def test_a_manifest_names_nothing_that_came_later_where_there_is_nothing_of_it(write):
    """So a release from before reads it, and this one reads what that wrote."""
    content = json.loads((write(first_tier=False) / "manifest.json").read_text())
    assert {"first_tier", "follows"}.isdisjoint(content)


@pytest.mark.parametrize("name", ["calibration.json", "known_prompts.npy", "head.npz"])
def test_an_altered_first_tier_is_refused(write, name):
    folder = write(first_tier=True)
    (folder / FIRST_TIER_FOLDER / name).write_bytes(b"something else")
    with pytest.raises(ArtifactError, match=name):
        loaded(folder)

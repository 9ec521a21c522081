"""A rebuild carries the first tier of the live version, and fits it to the rows that came since."""

from dataclasses import replace

import pytest

from index_builder.build.builder import BuildOptions, TrainedEncoder, build_index
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.round import Rebuild
from lengthwise.history.database.completion import Report
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.store import Published
from lengthwise.index.store.layout import ENCODER_FOLDER, FIRST_TIER_FOLDER
from tests.index_builder.build.test_first_tier import TRAINING, UNSURE
from tests.index_builder.rebuild.conftest import new_records
from tests.lengthwise.history.database.helpers import writing
from tests.lengthwise.index.fakes import TOPICS, topic_history
from tests.lengthwise.index.topic_student import save_student, topic_student


@pytest.fixture
def rebuild(tmp_path):
    """Reports rows and does a round on a version of two tiers; gives outcome, index and notes."""
    folder = tmp_path / "trained"
    save_student(topic_student(), folder)
    save_student(topic_student(unsure=UNSURE), folder / FIRST_TIER_FOLDER)
    encoder = load_encoder(str(folder / ENCODER_FOLDER), device="cpu")
    built = build_index(
        topic_history(800),
        tmp_path / "store",
        encoder,
        BuildOptions(cascade_loss=0.01, keep_text=False),
        trained=TrainedEncoder(folder, TRAINING),
    )
    assert built.manifest.first_tier is not None
    job = Rebuild(
        history=str(tmp_path / "h.db"),
        place=Published.at(str(tmp_path / "store")),
        options=RebuildOptions(min_new_rows=40, tolerate_tau=2, tolerate_mae=10),
        device="cpu",
    )

    def run(records, **options):
        notes = []
        with writing(job.history) as writer:
            writer.append([Report(records, None, "")])
        chosen = replace(job, options=replace(job.options, **options))
        outcome = chosen.run(RoundProgress(notes.append))
        assert outcome.ending is RoundEnding.PUBLISHED
        return LengthIndex.load(tmp_path / "store", device="cpu"), notes

    return run


def test_the_next_version_has_it_fitted_to_what_came_since(rebuild):
    new = new_records(400)
    index, _ = rebuild(new)
    facts = index.manifest.first_tier
    assert facts is not None
    assert (facts.allowed_loss, facts.held_out_rows) == (0.01, 400)
    assert facts.share == pytest.approx(1 - len(UNSURE) / TOPICS, abs=0.05)
    asked = [
        Query(f"topic{t}-a topic{t}-b topic{t}-c filler1 filler2 filler3", "llm", 0)
        for t in range(TOPICS)
    ]
    assert [e.tier for e in index.predict(asked)] == [
        "second" if topic in UNSURE else "first" for topic in range(TOPICS)
    ]


def test_prompts_of_both_versions_stay_the_second_tiers_also_those_without_text(rebuild):
    new = new_records(400)
    index, _ = rebuild(new)
    known = [record.prompt for record in (*topic_history(800)[:64], *new[:64])]
    assert {e.tier for e in index.predict([Query(p, "llm", 0) for p in known])} == {"second"}


def test_a_first_tier_that_has_become_wrong_is_left_out_and_that_is_told(rebuild):
    """Each topic's answers have become those of another, which neighbours tell and it does not."""
    lengths = [record.output_tokens for record in new_records(800)]
    turned = [
        replace(record, output_tokens=lengths[(i + TOPICS // 2) % len(lengths)])
        for i, record in enumerate(new_records(800))
    ]
    index, notes = rebuild(turned, keep_rows=800)
    assert index.first_tier is None
    assert any(note.startswith("No first tier") for note in notes)

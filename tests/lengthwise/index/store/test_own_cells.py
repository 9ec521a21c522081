"""Cells of LLMs' own rows in an artifact: made at the build, found by whoever loads it."""

import json
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from index_builder.build.builder import build_index
from lengthwise.index.errors import ArtifactAlteredError, ArtifactIncompleteError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.search import plan as plan_module
from lengthwise.index.search.own_cells.own_cells import OwnCells
from lengthwise.index.store import Published
from lengthwise.index.store.layout import OWN_CELLS_FILE
from tests.lengthwise.index.fakes import TOPICS, BagOfWords, Source, topic_history

ROWS = 2_400

HISTORY = Source(
    replace(record, model=f"llm-{i % TOPICS}") for i, record in enumerate(topic_history(ROWS))
)
"""Every LLM was asked of one topic alone."""

OF_OTHER_TOPICS = [
    Query(record.prompt, f"llm-{(i + 1 + i // TOPICS) % TOPICS}", neighbour_count=128)
    for i, record in enumerate(topic_history(40, seed=1))
]
"""Most prompts have no neighbour of the LLM asked for, so that its own rows are searched."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An artifact that no test changes, of an index that is searched by cells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_module, "FLAT_ROWS", 1_000)
        return build_index(HISTORY, tmp_path_factory.mktemp("own") / "store", BagOfWords()).path


@pytest.fixture
def artifact(built, tmp_path):
    """A copy of it to change."""
    return shutil.copytree(built, tmp_path / "artifact")


@pytest.fixture
def written_before(artifact):
    """The same as it was written when own cells were not stored."""
    (artifact / OWN_CELLS_FILE).unlink()
    manifest = json.loads((artifact / "manifest.json").read_text())
    del manifest["files"][OWN_CELLS_FILE]
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    return artifact


@pytest.fixture
def made(monkeypatch):
    """Notes the rows of each LLM whose cells are made, as they are."""
    rows: list[int] = []
    train = OwnCells.trained

    def noted(index, plan, members):
        rows.append(len(members))
        return train(index, plan, members)

    monkeypatch.setattr(OwnCells, "trained", noted)
    return rows


def load(path: Path) -> LengthIndex:
    return LengthIndex.load(path, encoder=BagOfWords(), device="cpu")


def test_a_start_makes_no_cells_that_the_build_made(built, made):
    index = load(built)
    assert OWN_CELLS_FILE in index.manifest.files
    index.predict(OF_OTHER_TOPICS)
    assert made == []


def test_an_artifact_from_before_they_were_stored_answers_the_same(built, written_before, made):
    answers = load(built).predict(OF_OTHER_TOPICS)
    asked = [query.model for query in OF_OTHER_TOPICS]
    found = [{near.model for near in answer.neighbours} for answer in answers]
    assert all(model in near for model, near in zip(asked, found, strict=True))
    assert load(written_before).predict(OF_OTHER_TOPICS) == answers
    assert made == [ROWS // TOPICS] * TOPICS


def test_rows_that_came_after_the_build_are_found_beside_them(built, written_before):
    later = [replace(record, model="llm-0") for record in topic_history(60, seed=2)]
    stored, before = load(built), load(written_before)
    alone = stored.predict(OF_OTHER_TOPICS)
    assert stored.learn(later) == before.learn(later) == 60
    assert stored.predict(OF_OTHER_TOPICS) == before.predict(OF_OTHER_TOPICS) != alone


def test_what_is_published_elsewhere_has_them_too(built, tmp_path, made):
    place = Published.at(f"memory://{secrets.token_hex(6)}/indexes")
    place.publish(built, built.name, expected=None)
    fetched = place.fetch(built.name, tmp_path / "cache")
    assert (fetched / OWN_CELLS_FILE).read_bytes() == (built / OWN_CELLS_FILE).read_bytes()
    assert load(fetched).predict(OF_OTHER_TOPICS) == load(built).predict(OF_OTHER_TOPICS)
    assert made == []


def test_the_same_history_gives_the_same_cells(built, tmp_path, monkeypatch):
    monkeypatch.setattr(plan_module, "FLAT_ROWS", 1_000)
    again = build_index(HISTORY, tmp_path / "store", BagOfWords()).path
    assert (again / OWN_CELLS_FILE).read_bytes() == (built / OWN_CELLS_FILE).read_bytes()


def test_an_index_of_one_llm_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_module, "FLAT_ROWS", 1_000)
    found = build_index(topic_history(1_200), tmp_path / "store", BagOfWords())
    assert found.manifest.search.kind == "ivf"
    assert not (found.path / OWN_CELLS_FILE).exists()


def test_where_the_manifest_names_them_they_must_be_there(artifact):
    (artifact / OWN_CELLS_FILE).unlink()
    with pytest.raises(ArtifactIncompleteError, match=f"{OWN_CELLS_FILE} is missing"):
        load(artifact)


def test_a_file_that_was_cut_off_is_noticed_with_both_sizes(artifact):
    path = artifact / OWN_CELLS_FILE
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactAlteredError, match=f"1,000 bytes, the manifest says {whole}"):
        load(artifact)


def test_one_altered_byte_is_noticed(artifact):
    path = artifact / OWN_CELLS_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactAlteredError, match=f"{OWN_CELLS_FILE} is not the file that"):
        load(artifact)

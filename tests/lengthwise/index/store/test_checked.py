"""An artifact's files are read for their hashes once, not at each start."""

import os
import shutil

import pytest

from index_builder.build.builder import build_index
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.store import checked, layout
from lengthwise.index.store.layout import ArtifactLayout, check_files, read_manifest
from tests.lengthwise.index.fakes import BagOfWords, topic_history


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An artifact that no test changes."""
    out = tmp_path_factory.mktemp("artifact") / "store"
    return build_index(topic_history(40), out, BagOfWords()).path


@pytest.fixture
def artifact(built, tmp_path, monkeypatch):
    """A copy of it, of files that count as settled at once."""
    monkeypatch.setattr(checked, "SETTLED_S", 0.0)
    return shutil.copytree(built, tmp_path / "artifact")


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files that are read for their hash."""
    names: list[str] = []
    real = layout.sha256_of
    monkeypatch.setattr(layout, "sha256_of", lambda path: names.append(path.name) or real(path))
    return names


def check(folder, **how):
    found = ArtifactLayout(folder)
    check_files(found, read_manifest(found), **how)


def test_the_second_check_of_the_same_files_reads_none(artifact, hashed):
    check(artifact)
    assert sorted(hashed) == sorted(ArtifactLayout.CONTENT)
    hashed.clear()
    check(artifact)
    assert hashed == []
    check(artifact, anew=True)
    assert sorted(hashed) == sorted(ArtifactLayout.CONTENT)


@pytest.mark.parametrize("name", ArtifactLayout.CONTENT)
def test_one_byte_altered_after_a_check_is_noticed_though_size_and_time_are_the_same(
    artifact, name
):
    check(artifact)
    path = artifact / name
    before, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ArtifactAlteredError, match="SHA-256 differs"):
        check(artifact)


def test_a_copy_is_checked_anew(artifact, hashed, tmp_path):
    check(artifact)
    hashed.clear()
    check(shutil.copytree(artifact, tmp_path / "copy"))
    assert sorted(hashed) == sorted(ArtifactLayout.CONTENT)


def test_files_that_were_written_just_now_are_not_remembered(artifact, hashed, monkeypatch):
    monkeypatch.setattr(checked, "SETTLED_S", 3_600.0)
    check(artifact)
    hashed.clear()
    check(artifact)
    assert sorted(hashed) == sorted(ArtifactLayout.CONTENT)


def test_where_nothing_can_be_written_every_check_reads_the_files(artifact, hashed):
    (artifact / checked.CHECKED_FILE).mkdir()
    check(artifact)
    check(artifact)
    assert sorted(hashed) == sorted(2 * ArtifactLayout.CONTENT)


def test_what_is_remembered_is_no_file_of_the_artifact_and_no_change_of_it(artifact):
    state = ArtifactLayout(artifact).state()
    check(artifact)
    assert (artifact / checked.CHECKED_FILE).is_file()
    assert ArtifactLayout(artifact).files() == sorted(ArtifactLayout.CONTENT)
    assert ArtifactLayout(artifact).state() == state

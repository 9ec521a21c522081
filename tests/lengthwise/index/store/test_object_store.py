"""What is true of object stores alone: order of writes, caches, what a killed publisher leaves."""

import importlib
import re
import secrets
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from fsspec.core import url_to_fs

from lengthwise.index.errors import (
    ArtifactAlteredError,
    ArtifactIncompleteError,
    MissingExtraError,
    StaleVersionError,
    StoreError,
)
from lengthwise.index.store import Published
from lengthwise.index.store.object_store import without_credentials

ROOT = Path(__file__).parents[4]


@pytest.fixture
def root():
    return f"memory://{secrets.token_hex(6)}/indexes"


@pytest.fixture(params=["memory", "s3"])
def url(request):
    """A prefix of either kind of store; `root` is one in memory."""
    wanted = {"memory": "root", "s3": "s3_bucket"}[request.param]
    return f"{request.getfixturevalue(wanted)}/indexes"


@pytest.fixture
def filesystem():
    return fsspec.filesystem("memory")


@pytest.fixture
def written(monkeypatch, filesystem):
    """Names of the objects written, in order."""
    names = []
    put, pipe = type(filesystem).put_file, type(filesystem).pipe_file

    def note_put(self, source, path, *args, **options):
        names.append(path)
        return put(self, source, path, *args, **options)

    def note_pipe(self, path, *args, **options):
        names.append(path)
        return pipe(self, path, *args, **options)

    monkeypatch.setattr(type(filesystem), "put_file", note_put)
    monkeypatch.setattr(type(filesystem), "pipe_file", note_pipe)
    return names


def test_the_manifest_is_written_after_the_files_and_current_last_of_all(root, artifact, written):
    Published.at(root).publish(artifact("a"), "a", expected=None)
    assert len(written) == 7
    assert written[-2].endswith("/versions/a/manifest.json")
    assert written[-1].endswith("/CURRENT")


def test_an_upload_that_fails_leaves_nothing(root, artifact, monkeypatch, filesystem):
    place = Published.at(root)
    place.publish(artifact("a"), "a", expected=None)
    put = type(filesystem).put_file

    def fail(self, source, path, *args, **options):
        if path.endswith("vectors.faiss"):
            raise OSError("the connection broke")
        return put(self, source, path, *args, **options)

    monkeypatch.setattr(type(filesystem), "put_file", fail)
    with pytest.raises(StoreError, match="nothing was published: OSError: the connection broke"):
        place.publish(artifact("b"), "b", expected="a")
    assert place.versions() == ["a"]
    assert not [path for path in filesystem.find(root) if "/versions/b/" in path]


def test_what_a_killed_publisher_left_is_no_version_and_goes_with_the_next_pruning(
    root, artifact, filesystem
):
    filesystem.pipe_file(f"{root}/versions/b/vectors.faiss", b"half")
    place = Published.at(root)
    assert place.versions() == []
    place.publish(artifact("c"), "c", expected=None)
    # Begun after what is published: it may be on its way.
    filesystem.pipe_file(f"{root}/versions/d/vectors.faiss", b"half")
    place.prune(2)
    left = [path for path in filesystem.find(root) if "/versions/c/" not in path]
    assert sorted(path.rpartition("indexes/")[2] for path in left) == [
        "CURRENT",
        "versions/d/vectors.faiss",
    ]


def test_to_remove_versions_each_is_listed_alone(root, artifact, filesystem, monkeypatch):
    place = Published.at(root)
    for version, before in (("a", None), ("b", "a"), ("c", "b")):
        place.publish(artifact(version), version, expected=before)
    listed, find = [], type(filesystem).find

    def note(self, path, *args, **options):
        listed.append(path.rpartition("indexes/")[2])
        return find(self, path, *args, **options)

    monkeypatch.setattr(type(filesystem), "find", note)
    assert place.prune(1) == ["a", "b"]
    assert listed == ["versions", "versions/a", "versions/b", "versions"]
    assert place.versions() == ["c"]


def test_an_object_that_was_altered_is_not_fetched(root, artifact, filesystem, tmp_path):
    place = Published.at(root)
    place.publish(artifact("a"), "a", expected=None)
    filesystem.pipe_file(f"{root}/versions/a/rows.parquet", b"altered")
    with pytest.raises(ArtifactAlteredError, match=r"rows\.parquet"):
        place.fetch("a", tmp_path / "cache")
    assert Published.at(str(tmp_path / "cache")).versions() == []


def test_a_version_of_which_an_object_is_missing_is_not_whole_and_not_fetched(
    url, artifact, tmp_path
):
    place = Published.at(url)
    place.publish(artifact("a"), "a", expected=None)
    filesystem, prefix = url_to_fs(url, use_listings_cache=False)
    filesystem.rm_file(f"{prefix}/versions/a/rows.parquet")
    with pytest.raises(ArtifactIncompleteError, match=r"no rows\.parquet of the version 'a'"):
        place.fetch("a", tmp_path / "cache")
    assert Published.at(str(tmp_path / "cache")).versions() == []
    with pytest.raises(StoreError):
        place.fetch("b", tmp_path / "cache")


def test_a_version_whose_manifest_is_spoilt_can_be_rolled_back_from(root, artifact, filesystem):
    place = Published.at(root)
    place.publish(artifact("a"), "a", expected=None)
    place.publish(artifact("b"), "b", expected="a")
    filesystem.pipe_file(f"{root}/versions/b/manifest.json", b"spoilt")
    assert place.roll_back() == "a"


def test_a_manifest_cannot_name_files_outside(root, artifact, filesystem, tmp_path):
    folder = artifact("a")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("encoder/weights/part.bin", "../../escaped"))
    with pytest.raises(ArtifactAlteredError, match=r"names the file '\.\./\.\./escaped'"):
        Published.at(root).publish(folder, "a", expected=None)
    for path in (p for p in folder.rglob("*") if p.is_file()):
        filesystem.pipe_file(f"{root}/versions/a/{path.relative_to(folder)}", path.read_bytes())
    with pytest.raises(ArtifactAlteredError, match=r"names the file '\.\./\.\./escaped'"):
        Published.at(root).fetch("a", tmp_path / "cache")
    assert not list(tmp_path.rglob("escaped"))


def test_what_was_fetched_once_is_not_fetched_again(root, artifact, filesystem, tmp_path):
    place = Published.at(root)
    place.publish(artifact("a"), "a", expected=None)
    first = place.fetch("a", tmp_path / "cache")
    filesystem.rm(f"{root}/versions/a", recursive=True)
    assert place.fetch("a", tmp_path / "cache") == first


def test_a_copy_that_the_disk_spoilt_is_fetched_again(root, artifact, tmp_path):
    place = Published.at(root)
    place.publish(artifact("a"), "a", expected=None)
    path = place.fetch("a", tmp_path / "cache")
    whole = (path / "rows.parquet").read_bytes()
    (path / "rows.parquet").write_bytes(b"spoilt")
    assert (place.fetch("a", tmp_path / "cache") / "rows.parquet").read_bytes() == whole


def test_copies_that_are_no_longer_wanted_are_pruned_as_in_any_folder(root, artifact, tmp_path):
    place = Published.at(root)
    place.publish(artifact("a"), "a", expected=None)
    place.publish(artifact("b"), "b", expected="a")
    for version in "ab":
        place.fetch(version, tmp_path / "cache")
    assert Published.at(str(tmp_path / "cache")).prune(1) == ["a"]


def test_on_s3_it_is_the_server_that_refuses_a_write_that_raced(s3_bucket, artifact, monkeypatch):
    place = Published.at(f"{s3_bucket}/indexes")
    place.publish(artifact("a"), "a", expected=None)
    filesystem = fsspec.filesystem("s3", use_listings_cache=False)
    write, calls = filesystem.pipe_file, []

    def overtaken(path, *arguments, **options):
        calls.append(options)
        if len(calls) == 1:
            place.publish(artifact("b"), "b", expected="a")
        return write(path, *arguments, **options)

    monkeypatch.setattr(filesystem, "pipe_file", overtaken)
    with pytest.raises(StaleVersionError, match="version 'b' is current"):
        place.publish(artifact("c"), "c", expected="a")
    assert len(calls) == 2
    assert place.current() == "b"
    assert place.versions() == ["a", "b"]


def test_a_bucket_that_is_not_there_is_an_error_of_one_line(s3_bucket, artifact):
    place = Published.at(f"{s3_bucket}-none/indexes")
    with pytest.raises(StoreError, match="cannot be written; nothing was published") as caught:
        place.publish(artifact("a"), "a", expected=None)
    assert "\n" not in str(caught.value)


def test_an_unknown_kind_of_url_says_what_is_expected():
    with pytest.raises(StoreError, match="expected a folder, or a URL such as s3://bucket/prefix"):
        Published.at("nowhere://bucket/prefix")


def test_no_message_shows_the_credentials_of_a_url():
    shown = without_credentials("s3://key:secret@bucket/prefix?token=t")
    assert shown == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("missing", "line"), [("fsspec", "lengthwise[remote]"), ("s3fs", "lengthwise[s3]")]
)
def test_without_what_a_url_needs_the_install_line_is_given(monkeypatch, missing, line):
    if missing == "s3fs":
        registry = importlib.import_module("fsspec.registry")
        monkeypatch.delitem(registry._registry, "s3", raising=False)
        monkeypatch.setitem(sys.modules, "s3fs", None)
    else:
        monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=re.escape(f"pip install '{line}'")):
        Published.at("s3://bucket/prefix")


def test_a_folder_needs_nothing_of_object_stores(tmp_path):
    code = (
        "import sys; from lengthwise.index.store import Published; "
        f"Published.at({str(tmp_path)!r}).versions(); "
        "sys.exit('fsspec' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

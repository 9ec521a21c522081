"""A folder of versions: whole or absent, one current, safe among several processes."""

import errno
import fcntl
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lengthwise.index.errors import ArtifactError, StoreBusyError, StoreError
from lengthwise.index.store import folder_store, locking
from lengthwise.index.store.folder_store import FolderStore, resolve_artifact

WRITES_AND_WAITS = """
import sys
from pathlib import Path
from lengthwise.index.store.folder_store import FolderStore

def write(folder):
    (folder / "half").write_bytes(b"x" * 1000)
    print("writing", flush=True)
    sys.stdin.readline()
    (folder / "manifest.json").write_text("{}")

FolderStore(Path(sys.argv[1])).publish_written(sys.argv[2], write)
print("published", flush=True)
"""


def write(folder):
    (folder / "manifest.json").write_text("{}")


def contents(root):
    """Names in a store, the lock apart."""
    return sorted(p.name for p in root.iterdir() if p.name != ".lock")


@pytest.fixture
def store(tmp_path):
    """A store with versions a, b and c, the last current."""
    made = FolderStore(tmp_path / "store")
    for version in "abc":
        made.publish_written(version, write)
    return made


@pytest.fixture
def builder():
    """Starts builders that wait in mid-build for a line on their input."""
    running = []

    def start(store, version):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITES_AND_WAITS, str(store.root), version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[4],
        )
        running.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_what_is_published_is_current(store):
    assert store.versions() == ["a", "b", "c"]
    assert store.current() == "c"
    assert resolve_artifact(store.root) == store.path_of("c")
    assert contents(store.root) == ["CURRENT", "versions"]


def test_a_folder_that_is_an_artifact_is_meant_itself(store):
    assert resolve_artifact(store.path_of("a")) == store.path_of("a")


def test_another_version_can_be_made_current(store):
    store.make_current("a")
    assert FolderStore(store.root).current() == "a"
    assert contents(store.root) == ["CURRENT", "versions"]


def test_an_unknown_version_cannot_be_used(store):
    with pytest.raises(StoreError) as caught:
        store.make_current("z")
    assert str(caught.value) == f"{store.root} has no version 'z': expected one of ['a', 'b', 'c']"
    assert store.current() == "c"


def test_a_version_that_is_pruned_while_the_lock_is_waited_for_is_not_made_current(
    store, monkeypatch
):
    @contextmanager
    def locked_late(root):
        shutil.rmtree(store.path_of("a"))
        with locking.locked(root):
            yield

    monkeypatch.setattr(folder_store, "locked", locked_late)
    with pytest.raises(StoreError, match="has no version 'a': expected one of"):
        store.make_current("a")
    assert store.current() == "c"


def test_where_nothing_is_no_version_can_be_used_and_nothing_is_left(tmp_path):
    with pytest.raises(StoreError, match="has no version 'a'"):
        FolderStore(tmp_path).make_current("a")
    assert list(tmp_path.iterdir()) == []


def test_a_current_version_that_is_gone_is_named_with_those_that_are_there(store):
    (store.root / "CURRENT").write_text("gone\n")
    with pytest.raises(StoreError) as caught:
        store.current()
    assert str(caught.value) == (
        f"{store.root}/CURRENT names 'gone', which is not in {store.root}/versions: set one of "
        "['a', 'b', 'c'] with python -m index_builder use"
    )


def test_a_folder_without_versions_says_how_to_make_one(tmp_path):
    with pytest.raises(ArtifactError) as caught:
        resolve_artifact(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is neither an index artifact (no manifest.json) nor a store of them (no "
        f"CURRENT): make one with python -m index_builder build --history FILE --out {tmp_path}"
    )


@pytest.mark.parametrize("kind", ["absent", "a file"])
def test_a_path_that_is_no_folder_is_refused(tmp_path, kind):
    path = tmp_path / "thing"
    if kind == "a file":
        path.write_text("text")
    with pytest.raises(ArtifactError, match="is not a folder: expected an index artifact or store"):
        resolve_artifact(path)


def test_a_store_cannot_be_made_where_a_file_is(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(
        StoreError, match=r"cannot be written: .*File exists.*nothing was published"
    ):
        FolderStore(tmp_path / "file").publish_written("a", write)


@pytest.mark.parametrize("error", [ValueError("bad row"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_nothing_behind(store, error):
    def fail(folder):
        write(folder)
        raise error

    with pytest.raises(type(error)):
        store.publish_written("d", fail)
    assert store.versions() == ["a", "b", "c"]
    assert store.current() == "c"
    assert contents(store.root) == ["CURRENT", "versions"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_that_the_version_in_use_is_untouched(store, code):
    def fill(folder):
        write(folder)
        raise OSError(code, "full")

    with pytest.raises(StoreError) as caught:
        store.publish_written("d", fill)
    assert str(caught.value).startswith(f"the disk of {store.root} is full (")
    assert str(caught.value).endswith(
        " MB free): make room and build again; nothing was published and the version in use is "
        "untouched"
    )
    assert contents(store.root) == ["CURRENT", "versions"]
    assert store.current() == "c"


def test_a_version_that_cannot_be_made_current_is_not_published(store):
    (store.root / "CURRENT").unlink()
    (store.root / "CURRENT").mkdir()
    with pytest.raises(StoreError, match="nothing was published"):
        store.publish_written("d", write)
    assert store.versions() == ["a", "b", "c"]
    assert contents(store.root) == ["CURRENT", "versions"]


def test_a_version_is_never_written_over(store):
    (store.path_of("a") / "mark").write_text("first")
    with pytest.raises(StoreError, match="nothing was published"):
        store.publish_written("a", write)
    assert (store.path_of("a") / "mark").read_text() == "first"


def test_while_it_is_being_written_a_version_is_not_to_be_seen(store):
    def look(folder):
        write(folder)
        assert store.versions() == ["a", "b", "c"]
        assert store.current() == "c"

    store.publish_written("d", look)
    assert store.current() == "d"


def test_a_killed_builder_leaves_the_store_as_it_was_and_the_next_cleans_up(store, builder):
    process = builder(store, "killed")
    process.kill()
    process.wait()
    assert store.versions() == ["a", "b", "c"]
    assert store.current() == "c"
    assert any(name.startswith(".building-") for name in contents(store.root))
    store.publish_written("d", write)
    assert store.current() == "d"
    assert contents(store.root) == ["CURRENT", "versions"]


def test_two_builders_at_once_both_publish(store, builder):
    first, second = builder(store, "x"), builder(store, "y")
    for process in (second, first):
        assert process.communicate("go\n")[0] == "published\n"
        assert process.returncode == 0
    assert store.versions() == ["a", "b", "c", "x", "y"]
    assert store.current() == "x", "the one that ended last"
    assert contents(store.root) == ["CURRENT", "versions"]


def test_a_living_builder_is_not_taken_for_a_killed_one(store, builder):
    process = builder(store, "slow")
    store.publish_written("quick", write)
    assert process.communicate("go\n")[0] == "published\n"
    assert store.current() == "slow"


def test_a_store_held_by_another_process_is_busy(store, monkeypatch):
    monkeypatch.setattr(locking, "LOCK_TIMEOUT_S", 0.0)
    with (store.root / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for change in (lambda: store.make_current("a"), lambda: store.publish_written("d", write)):
            with pytest.raises(StoreBusyError) as caught:
                change()
            assert str(caught.value) == (
                f"another process has held {store.root}/.lock for 0 s: wait for it to end and try "
                "again"
            )
    assert store.current() == "c"

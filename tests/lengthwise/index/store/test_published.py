"""A place where versions are published: the same promises wherever it is."""

import threading
from datetime import UTC, datetime

import pytest

from lengthwise.index.errors import ArtifactError, StaleVersionError, StoreError
from lengthwise.index.store import Published
from lengthwise.index.store.layout import ArtifactLayout
from lengthwise.index.store.published import new_version


def content(folder):
    """Names and bytes of all files of a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def filled(place, artifact):
    """A place with versions a, b and c, the last current."""
    before = None
    for version in "abc":
        place.publish(artifact(version), version, expected=before)
        before = version
    return place


def test_where_nothing_was_published_nothing_is_current(place):
    assert place.current() is None
    assert place.versions() == []
    assert place.prune(1) == []


def test_what_is_published_is_current_for_whoever_opens_the_place(filled, url):
    other = Published.at(url)
    assert other.current() == "c"
    assert other.versions() == ["a", "b", "c"]


def test_what_is_fetched_is_what_was_published_byte_for_byte(filled, artifact, tmp_path):
    path = filled.fetch("b", tmp_path / "cache")
    assert content(path) == content(tmp_path / "made" / "b")


def test_the_state_of_a_version_changes_with_its_files_and_with_nothing_else(filled, artifact):
    state = filled.state_of("b")
    filled.make_current("b")
    assert filled.state_of("b") == state
    filled.publish(artifact("d"), "d", expected="b")
    assert filled.state_of("b") == state != filled.state_of("d")


def test_a_publisher_that_was_overtaken_is_told_and_changes_nothing(filled, artifact):
    with pytest.raises(StaleVersionError) as caught:
        filled.publish(artifact("d"), "d", expected="b")
    assert str(caught.value) == (
        f"version 'c' is current in {filled} by now, this was made to follow version 'b': nothing "
        "was published; run again to build on what is there"
    )
    assert filled.versions() == ["a", "b", "c"]
    assert filled.current() == "c"


def test_the_first_version_follows_no_version(filled, artifact):
    with pytest.raises(StaleVersionError, match="made to follow no version"):
        filled.publish(artifact("d"), "d", expected=None)
    assert filled.current() == "c"


def test_of_publishers_that_follow_the_same_version_one_wins(filled, artifact, url):
    folders = {name: artifact(name) for name in ("p", "q", "r", "s")}
    start = threading.Barrier(len(folders))
    ended = {}

    def publish(name):
        place = Published.at(url)
        start.wait()
        try:
            place.publish(folders[name], name, expected="c")
            ended[name] = "won"
        except StaleVersionError:
            ended[name] = "lost"

    threads = [threading.Thread(target=publish, args=[name]) for name in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended.values()) == ["lost", "lost", "lost", "won"]
    (winner,) = (name for name, how in ended.items() if how == "won")
    assert filled.current() == winner
    assert filled.versions() == ["a", "b", "c", winner]


def test_a_rollback_makes_an_earlier_version_current(filled, artifact):
    filled.make_current("a")
    assert filled.current() == "a"
    filled.publish(artifact("d"), "d", expected="a")
    assert filled.current() == "d"


def test_rolling_back_goes_from_version_to_version_and_ends_with_the_first(filled):
    assert [filled.roll_back(), filled.roll_back()] == ["b", "a"]
    assert filled.current() == "a"
    with pytest.raises(StoreError, match="no version before 'a'"):
        filled.roll_back()


def test_a_version_that_was_rolled_back_from_does_not_come_back(filled, artifact):
    assert filled.roll_back() == "b"
    filled.publish(artifact("d", follows="b"), "d", expected="b")
    assert filled.roll_back() == "b"


def test_a_version_that_is_not_there_can_be_neither_current_nor_fetched(filled, tmp_path):
    with pytest.raises(StoreError, match=r"has no version 'z': expected one of \['a', 'b', 'c'\]"):
        filled.make_current("z")
    with pytest.raises(StoreError):
        filled.fetch("z", tmp_path / "cache")
    assert filled.current() == "c"
    assert not list((tmp_path / "cache").glob("versions/*"))


def test_pruning_keeps_the_newest_and_the_current(filled):
    filled.make_current("a")
    assert filled.prune(1) == ["b"]
    assert filled.versions() == ["a", "c"]
    assert filled.current() == "a"
    assert filled.prune(1) == []


def test_a_version_is_never_replaced(filled, artifact, tmp_path):
    first = content(filled.fetch("a", tmp_path / "cache"))
    folder = tmp_path / "made" / "a"
    with pytest.raises(StoreError):
        filled.publish(folder, "a", expected="c")
    assert content(filled.fetch("a", tmp_path / "other")) == first
    assert filled.current() == "c"


@pytest.mark.parametrize("damage", ["altered", "missing", "another version"])
def test_an_artifact_that_is_not_whole_is_not_published(filled, artifact, damage):
    folder = artifact("d")
    if damage == "altered":
        (folder / "vectors.faiss").write_bytes(b"x")
    elif damage == "missing":
        (folder / "encoder/weights/part.bin").unlink()
    with pytest.raises((ArtifactError, StoreError)):
        filled.publish(folder, "e" if damage == "another version" else "d", expected="c")
    assert filled.versions() == ["a", "b", "c"]
    assert filled.current() == "c"


@pytest.mark.parametrize("name", ["", "..", "a/b", "../a"])
def test_a_name_that_leaves_the_place_is_refused(filled, artifact, name):
    with pytest.raises(StoreError, match="is no name of a version"):
        filled.publish(artifact("d"), name, expected="c")


def test_a_file_url_means_the_folder(tmp_path, artifact):
    Published.at(f"file://{tmp_path}/store").publish(artifact("a"), "a", expected=None)
    assert Published.at(str(tmp_path / "store")).current() == "a"
    assert ArtifactLayout(tmp_path / "store" / "versions" / "a").exists()


def test_versions_sort_by_time_and_never_meet():
    moments = [datetime(2025, 1, 1, 0, 0, 0, n, tzinfo=UTC) for n in (1_000, 2_000, 900_000)]
    names = [new_version(moment) for moment in moments]
    assert names == sorted(names)
    assert new_version(moments[0]) != new_version(moments[0])
    assert names[1].startswith("20250101T000000.002Z-")


def test_a_clock_that_is_set_back_makes_no_version_sort_before_those_there_are():
    ahead = new_version(datetime(2099, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))
    names = ["not-ours", ahead]
    for _ in range(3):
        names.append(new_version(datetime(2026, 1, 1, tzinfo=UTC), after=names))
    assert names[1:] == sorted(names[1:])
    assert names[2].startswith("21000101T000000.000Z-")


def test_a_clock_that_moves_on_is_what_versions_are_named_by():
    before = new_version(datetime(2026, 1, 1, tzinfo=UTC))
    assert new_version(datetime(2026, 1, 2, tzinfo=UTC), after=[before]).startswith("20260102T")

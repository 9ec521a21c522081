"""Real artifacts from real places: a store, a URL, a folder that is replaced."""

import secrets
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from fsspec.core import url_to_fs

from index_builder.build.builder import build_index
from lengthwise.index.errors import StoreError
from lengthwise.index.store import Published
from lengthwise.index.store.folder_store import FolderStore
from predictor_service.errors import ConfigError, VersionRefusedError
from predictor_service.serving_index.artifact_source import ArtifactSource
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.place import open_place
from predictor_service.serving_index.switcher import Switcher
from tests.lengthwise.index.fakes import BagOfWords, topic_history


@pytest.fixture
def encoders(monkeypatch) -> list[BagOfWords]:
    """The encoders that were loaded, in place of a real one."""
    loaded: list[BagOfWords] = []

    def load(name: str, **_: object) -> BagOfWords:
        loaded.append(BagOfWords())
        return loaded[-1]

    monkeypatch.setattr("lengthwise.index.index.load_encoder", load)
    return loaded


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A store of three versions, whose lengths differ by a factor of two each."""
    store = tmp_path_factory.mktemp("built") / "index"
    for seed, factor in enumerate((1.0, 2.0, 4.0)):
        build_index(topic_history(300, seed=seed, factor=factor), store, BagOfWords())
    return store


@pytest.fixture
def store(built, tmp_path) -> FolderStore:
    shutil.copytree(built, tmp_path / "store")
    return FolderStore(tmp_path / "store")


def source_of(place, **options) -> ArtifactSource:
    return ArtifactSource(place, threads=1, remembered_vectors=100, **options)


async def serving(source) -> tuple[IndexHolder, Switcher]:
    holder = IndexHolder(source, batch_size=4)
    await holder.reload()
    return holder, Switcher(holder, source)


async def test_a_version_that_is_published_is_served_and_the_encoder_is_shared(store, encoders):
    first, second, third = store.versions()
    store.make_current(first)
    holder, switcher = await serving(source_of(store.root))
    assert holder.version == first
    store.make_current(third)
    await switcher.follow()
    assert holder.version == third
    await switcher.roll_back()
    assert (holder.version, store.current()) == (first, first)
    await switcher.switch(second)
    assert (holder.version, store.current(), len(encoders)) == (second, second, 1)
    assert encoders[0].prepared == 1, "before the first is served, and not again"


async def test_an_altered_version_is_refused_and_the_old_one_serves_on(store, encoders):
    first, second, _ = store.versions()
    store.make_current(first)
    holder, switcher = await serving(source_of(store.root))
    rows = store.path_of(second) / "rows.parquet"
    rows.write_bytes(rows.read_bytes()[:-1])
    store.make_current(second)
    await switcher.follow()
    await switcher.follow()
    assert (holder.version, holder.refused_swaps) == (first, 1)


@pytest.mark.parametrize("part", ["missing", "short", "torn manifest", "zeros"])
async def test_a_version_that_was_copied_by_half_is_served_once_it_is_whole(
    part, store, encoders, capsys
):
    first, second, _ = store.versions()
    store.make_current(first)
    holder, switcher = await serving(source_of(store.root))
    name = "manifest.json" if part == "torn manifest" else "rows.parquet"
    path = store.path_of(second) / name
    whole = path.read_bytes()
    half = {"missing": b"", "zeros": bytes(len(whole))}.get(part, whole[: len(whole) // 2])
    path.write_bytes(half)
    if part == "missing":
        path.unlink()
    store.make_current(second)
    for _ in range(4):
        await switcher.follow()
    assert holder.version == first
    assert capsys.readouterr().out.count("index not ") == 1
    path.write_bytes(whole)
    for _ in range(3):
        await switcher.follow()
    assert (holder.version, holder.refused_swaps) == (second, int(part != "missing"))


@pytest.mark.parametrize("part", ["missing", "short"])
async def test_so_is_one_behind_a_url(part, store, encoders, tmp_path, capsys):
    first, second, _ = store.versions()
    url = f"memory://{secrets.token_hex(6)}/indexes"
    published = Published.at(url)
    published.publish(store.path_of(first), first, expected=None)
    published.publish(store.path_of(second), second, expected=first)
    filesystem, root = url_to_fs(f"{url}/versions/{second}/rows.parquet")
    whole = filesystem.cat_file(root)
    published.make_current(first)
    holder, switcher = await serving(source_of(url, cache=tmp_path / "cache"))
    filesystem.pipe_file(root, whole[:-1])
    if part == "missing":
        filesystem.rm_file(root)
    published.make_current(second)
    for _ in range(3):
        await switcher.follow()
    assert (holder.version, switcher.failed_looks) == (first, 0)
    assert capsys.readouterr().out.count("index not ") == 1, "it is not fetched at every look"
    filesystem.pipe_file(root, whole)
    for _ in range(3):
        await switcher.follow()
    assert (holder.version, holder.refused_swaps) == (second, int(part != "missing"))


async def test_it_promises_what_the_evaluation_of_each_version_says(store, encoders):
    source = source_of(store.root)
    first, _, third = store.versions()
    promised = []
    for version in (first, third):
        source.load(version)
        promised.append(source.promises(version).for_model("llm"))
    assert promised[0].rows == 150
    assert promised[1].mae_tokens > 2 * promised[0].mae_tokens
    assert 0.8 < promised[0].coverage_90 <= 1


async def test_versions_behind_a_url_are_followed_and_copies_do_not_pile_up(
    store, encoders, tmp_path
):
    url, cache = f"memory://{secrets.token_hex(6)}/indexes", tmp_path / "cache"
    published = Published.at(url)
    versions = store.versions()
    published.publish(store.path_of(versions[0]), versions[0], expected=None)
    holder, switcher = await serving(source_of(url, cache=cache))
    for before, version in pairwise(versions):
        published.publish(store.path_of(version), version, expected=before)
        await switcher.follow()
        assert holder.version == version
    assert len(FolderStore(cache).versions()) == 3
    await switcher.roll_back()
    assert (holder.version, published.current()) == (versions[1], versions[1])


def test_a_store_on_this_machine_keeps_all_its_versions(store, encoders):
    build_index(topic_history(300, seed=3), store.root, BagOfWords())
    before = store.versions()
    assert len(before) == 4
    source_of(store.root, cache=store.root).load()
    assert store.versions() == before


async def test_a_single_artifact_that_is_replaced_is_followed(store, encoders, tmp_path):
    first, second, _ = store.versions()
    served = tmp_path / "served"
    served.symlink_to(store.path_of(first))
    holder, switcher = await serving(source_of(served))
    served.unlink()
    served.symlink_to(store.path_of(second))
    await switcher.follow()
    assert holder.version == second
    with pytest.raises(VersionRefusedError, match="is one artifact"):
        await switcher.switch(first)


def test_an_artifact_is_a_place_of_one_version_that_takes_no_other(store, tmp_path):
    first, second, _ = store.versions()
    place = open_place(str(store.path_of(first)))
    assert (place.current(), place.versions(), place.prune(1)) == (first, [first], [])
    assert place.fetch(first, tmp_path) == store.path_of(first)
    place.make_current(first)
    for refused in (
        lambda: place.fetch(second, tmp_path),
        lambda: place.make_current(second),
        lambda: place.publish(store.path_of(second), second, expected=first),
    ):
        with pytest.raises(StoreError, match="is one artifact"):
            refused()
    with pytest.raises(StoreError, match="nothing to roll back to"):
        place.roll_back()


def test_a_url_needs_a_folder_for_copies(make_config, tmp_path):
    with pytest.raises(StoreError, match="--index-cache"):
        open_place("memory://somewhere")
    with pytest.raises(ConfigError, match="--index-cache is 'None': expected a folder for copies"):
        make_config(index="memory://somewhere")
    assert make_config(index="memory://somewhere", index_cache=tmp_path).index_cache == tmp_path

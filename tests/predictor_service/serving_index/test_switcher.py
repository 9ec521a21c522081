"""Following the place of the index, being told, and going back."""

import asyncio

import pytest

from lengthwise.index.errors import ArtifactAlteredError, StoreError
from predictor_service.errors import NoSuchVersionError, NotServingError, VersionRefusedError
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.switcher import Switcher, Watcher
from tests.predictor_service.places import FakePlace
from tests.predictor_service.waiting import entered, until

BROKEN = ArtifactAlteredError("vectors.faiss was altered")


async def serving(place: FakePlace, **options) -> tuple[IndexHolder, Switcher]:
    holder = IndexHolder(place, batch_size=2, unix_s=lambda: 42.0, **options)
    await holder.reload()
    return holder, Switcher(holder, place)


async def test_a_version_that_the_place_names_is_served_without_anybody_saying_so():
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place)
    watcher = Watcher(switcher, poll_s=0.01)
    watcher.start()
    place.named = "v2"
    await until(lambda: holder.version == "v2")
    await watcher.stop()
    assert (holder.swaps, holder.switched_unix_s) == (1, 42.0)


async def test_a_broken_version_is_tried_once_and_the_old_one_serves_on(capsys):
    place = FakePlace("v1", v2=BROKEN)
    holder, switcher = await serving(place)
    place.named = "v2"
    for _ in range(3):
        await switcher.follow()
    assert (holder.version, holder.refused_swaps, place.loaded) == ("v1", 1, ["v1", "v2"])
    assert capsys.readouterr().out.count("vectors.faiss was altered") == 1


async def test_the_version_after_a_broken_one_is_served():
    place = FakePlace("v1", "v3", v2=BROKEN)
    holder, switcher = await serving(place)
    for name in ("v2", "v3"):
        place.named = name
        await switcher.follow()
    assert holder.version == "v3"


async def test_a_place_that_cannot_be_read_is_said_once_and_looked_at_again(capsys):
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place)
    place.named, place.error = "v2", StoreError("the bucket is out of reach")
    for _ in range(3):
        await switcher.follow()
    assert switcher.failed_looks == 3
    assert capsys.readouterr().out.count("out of reach") == 1
    assert (holder.version, holder.refused_swaps) == ("v1", 0)
    place.error = None
    await switcher.follow()
    assert holder.version == "v2"


async def test_the_watch_outlives_a_fault_of_its_own(capsys):
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place)
    place.named, place.error = "v2", ZeroDivisionError()
    watcher = Watcher(switcher, poll_s=0.005)
    watcher.start()
    await until(lambda: "unexpected exception" in capsys.readouterr().out)
    place.error = None
    await until(lambda: holder.version == "v2")
    await watcher.stop()


async def test_rolling_back_serves_the_version_before_and_has_the_place_name_it():
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place)
    await switcher.switch("v2")
    done = await switcher.roll_back()
    assert (done.version, done.before, done.place_told) == ("v1", "v2", True)
    assert (holder.version, place.named) == ("v1", "v1")


async def test_after_a_roll_back_the_watch_does_not_go_forward_to_the_same_version_again():
    place = FakePlace("v1", "v2", "v3")
    place.read_only = True
    holder, switcher = await serving(place)
    place.named = "v2"
    await switcher.follow()
    done = await switcher.roll_back()
    assert not done.place_told
    await switcher.follow()
    assert (holder.version, place.named) == ("v1", "v2")
    place.named = "v3"
    await switcher.follow()
    assert holder.version == "v3"


async def test_a_roll_back_while_the_place_is_away_holds_when_it_is_back():
    place = FakePlace("v1", "v2", "v3")
    holder, switcher = await serving(place)
    place.named = "v2"
    await switcher.follow()
    place.error, place.read_only = StoreError("the bucket is out of reach"), True
    done = await switcher.roll_back()
    assert (done.version, done.place_told) == ("v1", False)
    place.error = None
    await switcher.follow()
    assert (holder.version, place.named) == ("v1", "v2")
    place.named = "v3"
    await switcher.follow()
    assert holder.version == "v3"


async def test_told_to_reload_during_the_first_load_it_can_still_be_rolled_back():
    place = FakePlace("v1", "v2")
    place.indexes["v1"].gate.clear()
    holder = IndexHolder(place, batch_size=2)
    switcher = Switcher(holder, place)
    first = asyncio.create_task(holder.reload())
    await entered(place.indexes["v1"])
    reloading = asyncio.create_task(switcher.reload())
    await asyncio.sleep(0)
    place.indexes["v1"].gate.set()
    await asyncio.gather(first, reloading)
    await switcher.switch("v2")
    assert (await switcher.roll_back()).version == "v1"
    with pytest.raises(VersionRefusedError, match="nothing to go back to"):
        await switcher.roll_back()


async def test_an_altered_version_that_is_found_out_when_it_is_fetched_is_counted_once():
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place)
    place.named, place.fetch_error = "v2", BROKEN
    for _ in range(3):
        await switcher.follow()
    assert (holder.version, holder.refused_swaps, place.loaded) == ("v1", 1, ["v1"])


async def test_a_reload_goes_forward_to_the_version_that_was_left_behind():
    place = FakePlace("v1", "v2")
    place.read_only = True
    holder, switcher = await serving(place)
    place.named = "v2"
    await switcher.follow()
    await switcher.roll_back()
    await switcher.reload()
    assert holder.version == "v2"


async def test_a_process_that_has_served_one_version_goes_back_to_the_one_before_it_in_the_place():
    place = FakePlace("v2", "v1", "v3")
    holder, switcher = await serving(place)
    await switcher.roll_back()
    assert holder.version == "v1"


async def test_rolling_back_passes_over_what_cannot_be_served_any_more():
    place = FakePlace("v3", "v1", v2=BROKEN)
    holder, switcher = await serving(place)
    await switcher.roll_back()
    assert holder.version == "v1"


async def test_with_nothing_to_go_back_to_the_served_version_stays():
    holder, switcher = await serving(FakePlace("v1", "v2"))
    with pytest.raises(VersionRefusedError, match="no version before 'v1'"):
        await switcher.roll_back()
    assert holder.version == "v1"


async def test_a_version_kept_in_memory_is_gone_back_to_though_its_files_and_place_are_gone():
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place, keep_previous=True)
    first = holder.current
    await switcher.switch("v2")
    place.indexes["v1"] = BROKEN
    place.error = StoreError("the bucket is out of reach")
    await switcher.roll_back()
    assert holder.current is first


async def test_without_that_only_the_served_index_is_held():
    place = FakePlace("v1", "v2")
    holder, switcher = await serving(place)
    first = holder.current
    await switcher.switch("v2")
    place.indexes["v1"] = BROKEN
    with pytest.raises(VersionRefusedError):
        await switcher.roll_back()
    assert holder.current is not first


async def test_told_no_version_it_serves_the_newest():
    place = FakePlace("v1", "v2", "v3")
    holder, switcher = await serving(place)
    assert (await switcher.switch("")).version == "v3"
    assert (holder.version, place.named) == ("v3", "v3")


async def test_a_version_that_is_not_there_is_refused_with_those_that_are():
    _, switcher = await serving(FakePlace("v1", "v2"))
    with pytest.raises(NoSuchVersionError, match="'v9': expected one of v1, v2"):
        await switcher.switch("v9")


async def test_a_broken_version_that_was_asked_for_is_refused_and_not_made_current():
    place = FakePlace("v1", v2=BROKEN)
    holder, switcher = await serving(place)
    with pytest.raises(VersionRefusedError, match=r"altered; 'v1' serves on"):
        await switcher.switch("v2")
    assert (holder.version, place.named) == ("v1", "v1")


async def test_told_to_switch_while_the_place_cannot_be_read_it_says_so():
    place = FakePlace("v1", "v2")
    _, switcher = await serving(place)
    place.error = StoreError("the bucket is out of reach")
    with pytest.raises(NotServingError, match="out of reach"):
        await switcher.switch("v2")

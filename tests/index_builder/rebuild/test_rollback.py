"""A rollback goes to the version that the current one was made to follow."""

import shutil

from index_builder.rebuild.outcome import RoundEnding
from tests.index_builder.rebuild.conftest import new_records


def published(loop, seed):
    loop.report(new_records(100, seed=seed))
    outcome = loop.run()
    assert outcome.ending is RoundEnding.PUBLISHED
    return outcome.version


def test_a_version_that_was_rolled_back_from_does_not_come_back(loop):
    good = loop.place.current()
    for seed in (1, 2):
        published(loop, seed)
        assert loop.place.roll_back() == good


def test_where_what_it_follows_is_gone_a_rollback_goes_by_names(loop):
    good = loop.place.current()
    bad = published(loop, 1)
    loop.place.roll_back()
    published(loop, 2)
    shutil.rmtree(loop.place.path_of(good))
    assert loop.place.roll_back() == bad


def test_a_version_whose_manifest_is_spoilt_can_be_rolled_back_from(loop):
    good = loop.place.current()
    folder = loop.place.path_of(published(loop, 1))
    (folder / "manifest.json").write_text("spoilt")
    assert loop.place.roll_back() == good


def test_a_version_says_what_it_follows_only_where_its_name_does_not(loop, tmp_path):
    good = loop.place.current()
    told = []
    for seed in (1, 2, 3):
        published(loop, seed)
        told.append(loop.index(tmp_path).manifest.follows)
        if seed == 1:
            loop.place.roll_back()
    assert told == [None, good, None]

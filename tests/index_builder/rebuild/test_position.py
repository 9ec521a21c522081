"""Where a round begins to read: in the history that the version followed, and in no other."""

import shutil
import time
from pathlib import Path

import pytest

from index_builder.rebuild.outcome import RoundEnding
from lengthwise.history.database.retention import Retention
from lengthwise.index.errors import InvalidInputError
from tests.index_builder.rebuild.conftest import new_records
from tests.lengthwise.history.database.helpers import writing

HOUR_S = 3_600.0
ANOTHER = "of this one was stored after that, .*: expected the same history"


def remove(history):
    for path in Path(history).parent.glob(f"{Path(history).name}*"):
        path.unlink()


def test_a_history_that_took_the_others_place_is_another_one_however_long_it_is(loop):
    loop.report(new_records(200))
    followed = loop.run().version
    remove(loop.history)
    loop.report(new_records(300, seed=2), at_unix_s=time.time() + HOUR_S)
    with pytest.raises(InvalidInputError, match=f"{followed} has followed .* row 200 {ANOTHER}"):
        loop.run()
    assert loop.place.current() == followed
    assert loop.run(from_sequence=0).new_rows == 300


def test_an_older_copy_that_was_restored_is_another_history_once_it_has_grown(loop, tmp_path):
    loop.report(new_records(150))
    shutil.copy(loop.history, tmp_path / "copy.db")
    loop.report(new_records(50, seed=2))
    loop.run()
    remove(loop.history)
    shutil.copy(tmp_path / "copy.db", loop.history)
    loop.report(new_records(100, seed=3), at_unix_s=time.time() + HOUR_S)
    with pytest.raises(InvalidInputError, match=ANOTHER):
        loop.run()


def test_a_history_whose_clock_is_far_ahead_is_followed_all_the_same(loop):
    for seed in (1, 2):
        loop.report(new_records(100, seed=seed), at_unix_s=time.time() + 48 * HOUR_S)
        assert loop.run().ending is RoundEnding.PUBLISHED


def test_where_retention_removed_what_the_version_has_seen_it_is_followed_on(loop):
    loop.report(new_records(200), at_unix_s=time.time() - 48 * HOUR_S)
    loop.run()
    loop.report(new_records(100, seed=2))
    with writing(loop.history) as writer:
        assert writer.remove_expired(Retention(max_age_s=HOUR_S)) == 200
    outcome = loop.run()
    assert (outcome.after_sequence, outcome.new_rows) == (200, 100)

"""Prompts are known again by their text alone."""

import numpy as np
import pytest

from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.first_tier.known_prompts import KnownPrompts, RecentPrompts, digests_of
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.recent import RecentRows


def test_a_prompt_is_known_to_the_last_character():
    known = KnownPrompts.from_prompts(["What is 2 + 2?", "Write a poem."])
    asked = ["Write a poem.", "Write a poem", "write a poem.", "What is 2 + 2?"]
    assert known.holds(asked).tolist() == [True, False, False, True]


def test_rows_without_text_make_no_prompt_known():
    known = KnownPrompts.from_prompts(["", ""])
    assert len(known) == 0
    assert known.holds(["", "a"]).tolist() == [False, False]


def test_prompts_are_known_again_in_another_process(tmp_path):
    KnownPrompts.from_prompts(["b", "a", "b", "\ud800"]).save(tmp_path / "known.npy")
    loaded = KnownPrompts.load(tmp_path / "known.npy")
    assert len(loaded) == 3
    assert loaded.holds(["\ud800", "c", "b"]).tolist() == [True, False, True]
    assert digests_of(["a"]).tolist() == [3_405_396_810_240_292_928]


def test_those_of_two_versions_are_all_known():
    both = KnownPrompts.from_prompts(["a"]).joined(KnownPrompts.from_prompts(["b", "a"]))
    assert both.holds(["a", "b", "c"]).tolist() == [True, True, False]


@pytest.mark.parametrize("content", [b"", b"no digests"])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "known.npy"
    path.write_bytes(content)
    with pytest.raises(ArtifactAlteredError, match=r"known\.npy does not hold digests"):
        KnownPrompts.load(path)


def test_an_array_of_other_numbers_is_refused(tmp_path):
    np.save(tmp_path / "known.npy", np.zeros(3, np.float32))
    with pytest.raises(ArtifactAlteredError, match="digests, but float32"):
        KnownPrompts.load(tmp_path / "known.npy")


def test_recent_prompts_follow_what_is_added_and_dropped():
    rows, recent = RecentRows(capacity_rows=4), RecentPrompts()

    def add(*prompts):
        records = [HistoryRecord(prompt, 5) for prompt in prompts]
        rows.add(records, np.ones((len(records), 2), np.float32))

    def known(*prompts):
        assert rows.snapshot is not None
        return recent.hold(rows.snapshot, prompts).tolist()

    add("a", "b")
    assert known("a", "b", "c") == [True, True, False]
    add("c")
    assert known("a", "c", "d") == [True, True, False]
    add("d", "e", "f")
    assert known("f", "e", "d") == [True, True, True]
    assert known("a", "b") == [False, False]

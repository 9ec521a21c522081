"""Folders that are made once."""

import pytest

from testbed.made_once import made_once


def test_a_folder_is_made_once_and_readable_by_others(tmp_path):
    calls = []

    def write(folder):
        calls.append(folder)
        (folder / "weights").write_text("1")

    made = [made_once(tmp_path / "cache" / "model", write) for _ in range(2)]
    assert made == [tmp_path / "cache" / "model"] * 2
    assert len(calls) == 1
    assert made[0].stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["model"]


def test_who_comes_second_takes_what_the_first_has_made(tmp_path):
    def write(folder):
        (folder / "weights").write_text("mine")
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "weights").write_text("theirs")

    assert (made_once(tmp_path / "model", write) / "weights").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    def write(folder):
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        made_once(tmp_path / "model", write)
    assert list(tmp_path.iterdir()) == []

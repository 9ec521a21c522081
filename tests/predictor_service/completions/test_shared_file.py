"""One file of completions that several processes append to: none spoils what another wrote."""

import errno

import pytest

from predictor_service.completions.completion_file import CompletionFile
from predictor_service.errors import OverloadedError
from tests.predictor_service.rpc.test_report import CountingFile, record, rows


def test_a_line_torn_by_a_process_that_died_is_cut_off_by_those_that_go_on(tmp_path):
    path = tmp_path / "c.jsonl"
    one, other = CompletionFile(path), CompletionFile(path)
    one.append([[record("a")]])
    with path.open("a") as died:
        died.write('{"id": "torn", "prom')
    for file, name in ((other, "b"), (one, "c"), (other, "torn")):
        assert file.append([[record(name)]])[0].stored == 1
    assert [row["id"] for row in rows(path)] == ["a", "b", "c", "torn"]


def test_a_whole_last_row_without_a_line_end_is_kept_and_known(tmp_path):
    path = tmp_path / "c.jsonl"
    one, other = CompletionFile(path), CompletionFile(path)
    one.append([[record("a"), record("b")]])
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))  # as some editors leave a file
    for file, name in ((CompletionFile(path), "b"), (other, "b"), (one, "a")):
        stored = file.append([[record(name), record(f"after {name}")]])[0]
        assert stored.duplicates >= 1
        assert stored.differing == 0
    assert [row["id"] for row in rows(path)] == ["a", "b", "after b", "after a"]


def test_a_last_row_that_cannot_be_given_its_line_end_stays_all_the_same(tmp_path):
    path = tmp_path / "c.jsonl"
    failing = CountingFile(path)
    failing.append([[record("a"), record("b")]])
    path.write_bytes(whole := path.read_bytes().removesuffix(b"\n"))
    failing.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OverloadedError):
        failing.append([[record("c")]])
    assert path.read_bytes().startswith(whole)
    failing.error = None
    assert failing.append([[record("b"), record("c")]])[0].stored == 1
    assert [row["id"] for row in rows(path)] == ["a", "b", "c"]


def test_a_write_that_fails_takes_away_nothing_that_another_process_wrote(tmp_path):
    path = tmp_path / "c.jsonl"
    failing, other = CountingFile(path), CompletionFile(path)
    failing.append([[record("a")]])
    other.append([[record("b")]])
    failing.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OverloadedError):
        failing.append([[record("lost")]])
    assert other.append([[record("b"), record("c")]])[0].stored == 1
    assert [row["id"] for row in rows(path)] == ["a", "b", "c"]

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

"""Files, folders and globs lead to the files that they should."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lengthwise.history.files import History, HistoryReadError, read_history
from lengthwise.history.files.sources import find_files
from tests.lengthwise.history.files.files import ROWS, write_bytes, write_csv, write_json_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    (logs / "may").mkdir(parents=True)
    (logs / ".cache").mkdir()
    write_json_lines(logs / "b.jsonl.gz", ROWS[:1])
    write_csv(logs / "a.csv", ROWS[1:2])
    write_json_lines(logs / "may" / "c.ndjson", ROWS[2:])
    write_bytes(logs / "notes.txt", b"nothing")
    write_json_lines(logs / ".cache" / "b.jsonl", ROWS)
    return logs


def names(files: tuple[Path, ...]) -> list[str]:
    return [path.name for path in files]


def test_a_folder_is_walked_in_order_and_only_for_known_names(folder: Path) -> None:
    found = find_files([folder])
    assert names(found.files) == ["a.csv", "b.jsonl.gz", "c.ndjson"]
    assert sorted(names(found.ignored)) == ["b.jsonl", "notes.txt"]


def test_files_that_are_ignored_are_named_in_a_log_line(folder: Path) -> None:
    with capture_logs() as logs:
        History.from_paths(folder)
    (line,) = logs
    assert (line["event"], line["log_level"], line["count"]) == (
        "history.files_ignored",
        "warning",
        2,
    )
    assert any(name.endswith("notes.txt") for name in line["files"])


def test_all_files_of_a_folder_make_one_history(folder: Path) -> None:
    history = History.from_paths([folder])
    assert {record.id for record in history} == {"a-1", "a-2", "b-1"}
    assert history.position_bytes == history.total_bytes


def test_a_glob_gives_its_matches_in_order(folder: Path) -> None:
    assert names(find_files(str(folder / "*.[cj]s*")).files) == ["a.csv", "b.jsonl.gz"]
    assert "c.ndjson" in names(find_files([str(folder / "**" / "*.ndjson")]).files)


def test_a_file_that_is_named_twice_is_read_once(folder: Path) -> None:
    found = find_files([folder / "a.csv", folder, str(folder / "*.csv")])
    assert names(found.files) == ["a.csv", "b.jsonl.gz", "c.ndjson"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h[1].jsonl", ROWS)
    assert len(list(read_history(str(path)))) == 3


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("absent.jsonl", "absent.jsonl: no such file or folder"),
        ("*.parquet", "*.parquet: no file matches this pattern"),
    ],
)
def test_a_source_that_leads_nowhere_is_refused(folder: Path, source: str, words: str) -> None:
    with pytest.raises(HistoryReadError) as caught:
        find_files([str(folder / source)])
    assert str(caught.value) == f"{folder}/{words}"


def test_a_folder_without_a_history_is_refused(tmp_path: Path) -> None:
    write_bytes(tmp_path / "notes.txt", b"nothing")
    with pytest.raises(
        HistoryReadError, match="no history in this folder: expected names that end"
    ):
        find_files(tmp_path)


def test_no_source_at_all_is_refused() -> None:
    with pytest.raises(HistoryReadError, match=r"^no history named: expected a file, a folder or"):
        find_files([])

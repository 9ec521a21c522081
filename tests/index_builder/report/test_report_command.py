"""`evaluate --report`: what is written, and what is refused before anything is read."""

import importlib
import json

import pytest

from index_builder.report import job
from index_builder.report.job import ReportJob
from lengthwise.index.errors import InvalidInputError, MissingExtraError
from tests.index_builder.cli.test_cli import fake_encoder, ok, write_history
from tests.lengthwise.index.fakes import topic_history

__all__ = ["fake_encoder"]


@pytest.mark.usefixtures("fake_encoder")
def test_evaluate_writes_a_page_without_a_word_of_the_prompts(tmp_path):
    history = write_history(tmp_path / "h.jsonl", topic_history(300))
    folder = tmp_path / "new" / "report"
    printed = ok(
        *("evaluate", "--history", history, "--holdout", "0.3", "--json", "--peers", "none"),
        *("--report", folder, "--learning-curve"),
    )
    page, numbers = ((folder / name).read_text() for name in ("index.html", "report.json"))
    assert "topic3-a" not in page + numbers
    assert "Order by size of history" in page
    assert json.loads(printed) == json.loads(numbers)["evaluation"]


def test_a_report_is_not_written_where_none_is_wanted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = ReportJob(None, learning_curve=False, split=True)
    assert wanted.write(None) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("folder", "split"), [(None, True), ("report", False)])
def test_a_learning_curve_needs_a_report_and_a_split(tmp_path, folder, split):
    with pytest.raises(InvalidInputError, match="give --report, and no --index"):
        ReportJob(folder and tmp_path / folder, learning_curve=True, split=split)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "report").write_text("")
    with pytest.raises(InvalidInputError, match="expected a folder that can be made"):
        ReportJob(tmp_path / "report", learning_curve=False, split=True)


def test_a_missing_library_is_named_with_its_install_line(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(job, "importlib", type("Broken", (), {"import_module": absent}))
    with pytest.raises(MissingExtraError, match=r"matplotlib is not .*'lengthwise\[report\]'"):
        ReportJob(tmp_path / "r", learning_curve=False, split=True)
    assert not (tmp_path / "r").exists()
    assert importlib.import_module("matplotlib")

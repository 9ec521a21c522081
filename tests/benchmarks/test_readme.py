"""Tables in READMEs are those of the committed results."""

import json

import pytest

from benchmarks import readme
from benchmarks.readme import render, replaced, results_renderer

DATA = {
    "created": "2026-01-02T03:04:05Z",
    "command": "python -m benchmarks.demo",
    "machine": {"cpu": "A CPU", "cores": 2, "cpu_features": [], "memory_gib": 8, "gpu": ""},
    "notes": ["A note."],
    "tables": [
        {
            "name": name,
            "title": name.title(),
            "columns": [{"key": "n", "title": "n", "form": "{}", "with_range": False}],
            "notes": [],
            "detail": detail,
        }
        for name, detail in (("main", False), ("deep", True))
    ],
    "rows": [{"table": "main", "n": 1}, {"table": "deep", "n": 2}],
}
TEXT = "before\n<!-- benchmark:demo -->\nold\n<!-- /benchmark:demo -->\nafter\n"


def test_what_stands_between_markers_is_made_anew():
    assert replaced(TEXT, lambda name: f"new {name}") == (
        "before\n<!-- benchmark:demo -->\n\nnew demo\n\n<!-- /benchmark:demo -->\nafter\n"
    )


def test_making_it_anew_twice_changes_nothing():
    once = replaced(TEXT, lambda _: "new")
    assert replaced(once, lambda _: "new") == once


def test_markers_of_what_was_not_measured_are_left_alone():
    assert replaced(TEXT, lambda _: None) == TEXT


def test_a_text_without_markers_is_left_alone():
    assert replaced("no markers", lambda _: "new") == "no markers"


def test_details_are_shown_only_where_they_are_wanted():
    assert "Deep" not in render(DATA)
    assert "Deep" in render(DATA, details=True)


def test_one_table_may_be_asked_for():
    text = render(DATA, "deep")
    assert "Deep" in text
    assert "Main" not in text


def test_a_table_says_where_it_comes_from():
    assert "Measured 2026-01-02 by `python -m benchmarks.demo` on A CPU, 2 cores" in render(DATA)


@pytest.fixture
def project(tmp_path, monkeypatch):
    here = tmp_path / "benchmarks"
    (here / "results").mkdir(parents=True)
    (here / "results" / "demo.json").write_text(json.dumps(DATA))
    (tmp_path / "README.md").write_text(TEXT)
    monkeypatch.setattr(readme, "HERE", here)
    monkeypatch.setattr(readme, "RESULTS", here / "results")
    monkeypatch.setattr(readme, "READMES", (tmp_path / "README.md", here / "README.md"))
    return tmp_path


def test_check_fails_while_a_readme_is_stale_and_passes_once_it_is_written(project, capsys):
    assert readme.main(["--check"]) == 1
    assert "README.md is stale" in capsys.readouterr().out
    assert readme.main([]) == 0
    assert readme.main(["--check"]) == 0
    assert "| 1 |" in (project / "README.md").read_text()


def test_results_that_are_missing_render_nothing(tmp_path):
    assert results_renderer(tmp_path, details=False)("demo") is None


def test_the_committed_readmes_are_those_of_the_committed_results():
    assert readme.main(["--check"]) == 0

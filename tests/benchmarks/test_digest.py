"""Lines of a digest take their figures from committed results."""

import json

import pytest

from benchmarks.harness.digest import Digest, Line, Pick

ROWS = [
    {"table": "speed", "asked": "1 caller", "rate": {"median": 46.35}},
    {"table": "speed", "asked": "32 callers", "rate": {"median": 151.4}},
    {"table": "other", "asked": "32 callers", "rate": {"median": 1.0}},
]


@pytest.fixture
def results(tmp_path):
    (tmp_path / "load.json").write_text(json.dumps({"rows": ROWS}))
    return tmp_path


def speed(asked):
    pick = Pick("load", "speed", {"asked": asked})
    return Line(("speed", "{it[rate][median]:.0f}/s"), {"it": pick})


def test_a_line_has_the_figures_of_the_row_that_it_picks(results):
    digest = Digest(("what", "result"), (speed("32 callers"),), "A note.")
    assert digest.to_markdown(results) == (
        "| what | result |\n| --- | --- |\n| speed | 151/s |\n\nA note."
    )


def test_a_row_that_is_gone_is_named_rather_than_left_out(results):
    with pytest.raises(LookupError, match=r"load.json has no row with .*64 callers"):
        speed("64 callers").to_cells(results)


def test_a_line_without_rows_is_as_it_is_written(results):
    assert Line(("a", "b")).to_cells(results) == ["a", "b"]

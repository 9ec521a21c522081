"""Tables: cells, Markdown, JSON and back."""

import io
import json

import pytest
from rich.console import Console

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.machine import Machine, describe
from benchmarks.harness.report import WIDTH, Report, finish, read_tables
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Table, cell_text

MACHINE = Machine(
    cpu="A CPU",
    cores=2,
    cpu_features=("AMX bf16",),
    memory_gib=8,
    gpu="",
    system="Linux",
    versions={"python": "3.11"},
    load_average=0.0,
)
TABLE = Table(
    "speed",
    "How fast",
    [Column("what", "what"), Column("rate", "per s", "{:,.0f}", with_range=True)],
    [{"what": "a|b", "rate": Spread(1234.4, 1000.0, 2000.0)}, {"what": "c", "rate": None}],
)
REPORT = Report("demo", "python -m benchmarks.demo", [TABLE], ["A note."], MACHINE, "2026-01-02")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        ("text", "text"),
        (0.1234, "0.12"),
        (Spread(0.5, 0.4, 0.6), "0.50 (0.40–0.60)"),
        ({"median": 0.5, "min": 0.5, "max": 0.5}, "0.50"),
    ],
)
def test_a_cell_shows_any_value_as_its_column_says(value, text):
    assert cell_text(value, Column("k", "title", "{:.2f}", with_range=True)) == text


def test_a_column_without_range_shows_the_median_alone():
    assert cell_text(Spread(0.5, 0.4, 0.6), Column("k", "title", "{:.1f}")) == "0.5"


def test_markdown_keeps_columns_apart_from_what_cells_hold():
    assert TABLE.to_markdown().splitlines() == [
        "| what | per s |",
        "| --- | ---: |",
        "| a\\|b | 1,234 (1,000–2,000) |",
        "| c | – |",
    ]


def test_a_report_survives_its_json():
    (table,) = read_tables(json.loads(json.dumps(REPORT.to_dict())))
    assert table.to_markdown() == TABLE.to_markdown()


def test_a_written_report_says_where_when_and_how(tmp_path, capsys):
    finish(REPORT, tmp_path / "new" / "demo.json")
    data = json.loads((tmp_path / "new" / "demo.json").read_text())
    assert (data["command"], data["created"]) == (REPORT.command, REPORT.created)
    assert data["rows"][0] == {
        "table": "speed",
        "what": "a|b",
        "rate": {"median": 1234.4, "min": 1000.0, "max": 2000.0},
    }
    printed = capsys.readouterr().out
    assert "A CPU, 2 cores (AMX bf16)" in printed
    assert "$ python -m benchmarks.demo" in printed


def test_a_printed_table_fits_in_its_width():
    console = Console(width=WIDTH, file=io.StringIO())
    console.print(TABLE.to_rich())
    assert max(map(len, console.file.getvalue().splitlines())) <= WIDTH


def test_a_machine_without_gpu_says_so():
    assert describe(MACHINE.to_dict()).endswith("GPU: none")


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("rate", Spread(0.95, 0.8, 1.0), at_least=0.9), True),
        (Aim("rate", 0.89, at_least=0.9), False),
        (Aim("time", 1.5, at_most=1.4), False),
        (Aim("time", 1.4, at_most=1.4), True),
    ],
)
def test_an_aim_is_judged_by_its_median(aim, met):
    assert aims_table([aim]).rows[0]["met"] is met

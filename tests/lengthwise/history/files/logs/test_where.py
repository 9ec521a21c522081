"""--where takes the rows that fulfil all its conditions."""

from pathlib import Path

import pytest

from lengthwise.history.files import History, ReadOptions
from lengthwise.history.files.intake.where import Where
from lengthwise.index.errors import InvalidInputError
from tests.lengthwise.history.files.files import write_any

ROW = {"model": "m-1", "n": 12, "ok": True, "user": {"team": "north"}, "note": None}
ROW |= {"band": "rock and roll", "owner": "it's"}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", True),
        ("model = m-1", True),
        ("model = 'm-1'", True),
        ("model != m-1", False),
        ("model = m", False),
        ("model ~ ^m-[0-9]$", True),
        ("user.team = north", True),
        ("n > 11", True),
        ("n >= 12 and n <= 12.0", True),
        ("n < 12", False),
        ("n < 20 and model = x", False),
        ("ok = true", True),
        ("note =", True),
        ("missing != ''", False),
        ("missing > 1", False),
        ("model = 'rock and roll'", False),
        ("band = 'rock and roll'", True),
        ('band = "rock and roll"', True),
        ('band = "rock and roll" and n > 11', True),
        ("n > 12 and band ='rock and roll'", False),
        ('owner = "it\'s" and n > 12', False),
        ("owner = it's and n > 12", False),
        ("owner = it's and model = 'm-1'", True),
    ],
)
def test_a_row_is_taken_if_every_condition_holds(text: str, *, taken: bool) -> None:
    assert Where.from_text(text).takes(ROW) is taken


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model", "where has 'model': expected conditions such as"),
        ("model ~ (", r"where has '\(' after ~: expected a regular expression"),
        ("n > many", "where has 'many' after >: expected a number"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        Where.from_text(text)


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
def test_other_rows_are_left_out_and_counted(tmp_path: Path, name: str) -> None:
    rows = [
        {"prompt": "hi", "output_tokens": tokens, "caller": caller}
        for tokens, caller in ((1, "probe"), (2, "people"), (3, "probe"))
    ]
    history = History.from_paths(
        write_any(tmp_path / name, rows), ReadOptions(where="caller != probe")
    )
    assert [record.output_tokens for record in history] == [2]
    assert history.report.left_out == {"not in --where": 2}

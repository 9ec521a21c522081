"""What the table of lone prompts beside bulk says of its rounds."""

import pytest

from benchmarks.lone_prompt.callers import Answered
from benchmarks.lone_prompt.tables import BASELINE, NOW, Pass, Round, lone_report


def one_pass(alone_ms: float, beside_ms: float, bulk: float, bulk_beside: float) -> Pass:
    return Pass(
        Answered([alone_ms] * 100, 20.0),
        {1: Answered([300.0], bulk)},
        {1: (Answered([beside_ms] * 100, 20.0), Answered([300.0], bulk_beside))},
    )


def rounds() -> list[Round]:
    passes = {NOW: one_pass(6, 15, 700, 420), BASELINE: one_pass(6, 330, 700, 680)}
    return [Round(1, passes), Round(1, passes)]


def test_p99_beside_bulk_is_told_in_p50s_alone_and_bulk_by_what_it_keeps():
    table, _, aims = lone_report("command", rounds()).tables
    now, before = table.rows
    assert (now["service"], before["service"]) == (NOW, BASELINE)
    assert now["of_alone"].median == pytest.approx(2.5)
    assert before["of_alone"].median == pytest.approx(55)
    assert now["bulk_kept"].median == pytest.approx(0.6)
    assert [row["met"] for row in aims.rows] == [True], "the aim is this service's, not before's"


def test_ratios_are_of_the_same_round():
    ratios = lone_report("command", rounds()).tables[1]
    (row,) = ratios.rows
    assert row["p99"].median == pytest.approx(22)
    assert row["bulk"].median == pytest.approx(1)


def test_without_a_baseline_there_is_nothing_to_compare_with():
    alone = [Round(2, {NOW: one_pass(6, 15, 700, 420)})]
    assert [table.name for table in lone_report("command", alone).tables] == ["lone_prompt", "aims"]

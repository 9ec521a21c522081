"""How the benchmark of swaps judges an answer and memory; swapping is tested with the service."""

import json
from dataclasses import replace

import pytest

from benchmarks.hot_swap import __main__ as hot_swap
from benchmarks.hot_swap.load import LoadNotes
from benchmarks.hot_swap.tables import SwapFindings, hot_swap_report, summary
from benchmarks.hot_swap.versions import Expected
from scheduler_client import Neighbour, Prediction, Timing

EXPECTED = Expected({"a-1": 10, "a-2": 20, "a-3": 30}, {"hello": 100.0})


def answer(**changes) -> Prediction:
    right = Prediction(
        request_id="",
        expected_tokens=101.0,
        quantile_levels=(0.5,),
        quantile_tokens=(100.0,),
        confidence=0.5,
        basis="neighbours",
        nearness=0.9,
        neighbours=tuple(Neighbour(f"a-{i}", 0.9, 10 * i, "", "") for i in (1, 2, 3)),
        model_known=False,
        index_version="a",
        timing=Timing(0, 0, 0, 1),
    )
    return replace(right, **changes)


def test_an_answer_made_of_the_versions_own_rows_is_right():
    assert EXPECTED.faults("hello", answer()) == ""


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"neighbours": (Neighbour("b-1", 0.9, 10, "", ""),)}, "none of its rows"),
        ({"neighbours": (Neighbour("a-1", 0.9, 30, "", ""),)}, "none of its rows"),
        ({"neighbours": ()}, "0 neighbours instead of 3"),
        ({"expected_tokens": 300.0}, "300 tokens instead of 100"),
        ({"expected_tokens": float("nan")}, "nan tokens instead of 100"),
    ],
)
def test_an_answer_with_anything_of_another_version_is_wrong(changes, fault):
    assert fault in EXPECTED.faults("hello", answer(**changes))


def found(**changes) -> SwapFindings:
    notes = LoadNotes(latencies_ms=[1.0, 2.0])
    made = SwapFindings(
        calm=[notes],
        swapping=[replace(notes, failed=2, wrong=1, examples=["v: wrong"])],
        swap_s=[0.5] * 100,
        resident_mib=[100.0] * 101,
        peak_mib=150.0,
    )
    return replace(made, **changes)


def test_memory_is_level_if_the_last_swaps_leave_what_the_first_left():
    by_version = [100.0, 110.0, 190.0]
    level = found(resident_mib=[100.0, *(by_version[i % 3] for i in range(99))], swap_s=[1.0] * 99)
    assert level.grown_mib == pytest.approx(0)
    growing = found(resident_mib=[100.0 + i for i in range(101)])
    assert growing.grown_mib == pytest.approx(91)


def test_the_summary_adds_up_what_all_rounds_saw():
    figures = summary(found())
    assert (figures["swaps"], figures["failed_calls"], figures["wrong_answers"]) == (100, 2, 1)
    assert figures["answers"] == 4


def test_its_report_is_written_as_json_and_tells_what_went_wrong():
    report = json.dumps(hot_swap_report("command", 32, found()).to_dict())
    assert "Went wrong: v: wrong" in report


def test_what_cannot_work_is_refused_at_once(capsys):
    with pytest.raises(SystemExit):
        hot_swap.main(["--swaps", "1"])
    assert "expected --swaps of at least 4" in capsys.readouterr().err

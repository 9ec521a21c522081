from pathlib import Path

import pytest
from rich.console import Console

from demo.vllm_contest import Round
from demo.vllm_demo import find_program, pairs_that_fit
from demo.vllm_tables import completion_table, draw_rounds, short_and_long
from testbed.engine import VLLM
from testbed.errors import TestbedError
from testbed.replay import Outcome
from testbed.workload import Request


def outcomes(seconds):
    return [
        Outcome(Request("", tokens, 0.0), 0.0, 0.1, taken_s, tokens)
        for tokens, taken_s in enumerate(seconds, 1)
    ]


def test_a_model_of_ones_own_needs_a_vllm_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program(None, None) == VLLM
    assert find_program("llm", Path("mine/vllm")) == Path("mine/vllm")
    with pytest.raises(TestbedError, match="VLLM=/path/to/vllm"):
        find_program("llm", None)


def test_a_prompt_is_asked_once_and_only_if_it_fits():
    pairs = [("one", 5), ("one", 5), ("endless", 10_000), ("x" * 100_000, 5)]
    assert pairs_that_fit(pairs) == [("one", 5)]


def test_short_and_long_jobs_are_told_apart_by_their_true_length():
    short, long = short_and_long(outcomes([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])[::-1])
    assert [o.output_tokens for o in short] == [1, 2, 3, 4, 5]
    assert [o.output_tokens for o in long] == [9, 10]


def test_the_table_holds_both_orders_and_what_changed(tmp_path):
    rounds = [
        Round("first come first served", outcomes([4.0] * 10), 0),
        Round("Lengthwise", outcomes([3.0] * 10), 10),
    ]
    console = Console(width=120, record=True)
    console.print(completion_table(rounds))
    said = console.export_text()
    assert "-25%" in said
    assert "Lengthwise" in said
    draw_rounds(rounds, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1_000

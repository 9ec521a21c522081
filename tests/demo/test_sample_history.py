"""The generated history looks like a real one and is always the same."""

import math
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from scipy.stats import kendalltau

from demo.sample_history import held_out_prompts, sample_history, write_sample_history
from lengthwise.history.files import read_history
from lengthwise.index.record import HistoryRecord


@pytest.fixture(scope="module")
def history() -> list[HistoryRecord]:
    return sample_history()


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    assert sample_history(200, seed=1) == sample_history(200, seed=1)
    assert sample_history(200, seed=1) != sample_history(200, seed=2)


def test_a_longer_history_begins_with_the_shorter_one(history: list[HistoryRecord]) -> None:
    assert sample_history(500) == history[:500]


def test_prompts_are_distinct_and_ids_unique(history: list[HistoryRecord]) -> None:
    assert len({record.prompt for record in history}) >= 0.9 * len(history)
    assert len({record.id for record in history}) == len(history) == 6000


def test_lengths_are_spread_as_those_of_real_histories(history: list[HistoryRecord]) -> None:
    lengths = sorted(record.output_tokens for record in history)
    assert 80 <= median(lengths) <= 180
    assert 300 <= lengths[int(0.9 * len(lengths))] <= 700
    assert 800 <= lengths[int(0.99 * len(lengths))] <= 2000


def test_two_draws_agree_as_much_as_those_of_a_real_llm(history: list[HistoryRecord]) -> None:
    tau = kendalltau([r.output_tokens for r in history], [r.samples[0] for r in history]).statistic
    assert 0.6 <= tau <= 0.75


def test_the_mean_of_further_draws_is_no_perfect_predictor(history: list[HistoryRecord]) -> None:
    means = [math.prod(record.samples) for record in history]
    assert kendalltau([r.output_tokens for r in history], means).statistic <= 0.8


def test_about_one_answer_in_a_hundred_is_cut_at_its_limit(history: list[HistoryRecord]) -> None:
    cut = [record for record in history if record.censored]
    assert 0.005 <= len(cut) / len(history) <= 0.02
    assert all(record.output_tokens == record.max_tokens for record in cut)


def test_some_rows_are_second_turns_in_the_group_of_the_first(history: list[HistoryRecord]) -> None:
    for first, second in pairwise(history):
        if second.prompt.startswith("user: "):
            assert first.group == second.group != ""
            assert first.prompt in second.prompt
    assert 0.05 <= sum(r.prompt.startswith("user: ") for r in history) / len(history) <= 0.15


def test_no_slot_of_a_template_is_left_unfilled(history: list[HistoryRecord]) -> None:
    assert not any("{" in record.prompt or "}" in record.prompt for record in history)


def test_held_out_prompts_are_not_in_the_history(history: list[HistoryRecord]) -> None:
    known = {record.prompt for record in history}
    held_out = held_out_prompts(50)
    assert len(held_out) == 50
    assert not any(record.prompt in known for record in held_out)


def test_the_file_reads_back_as_the_same_records(tmp_path: Path) -> None:
    path = tmp_path / "sample.jsonl.gz"
    write_sample_history(path, rows=300)
    assert list(read_history([path])) == sample_history(300)


def test_the_file_is_the_same_to_the_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"
    for path in (first, second):
        write_sample_history(path, rows=100)
    assert first.read_bytes() == second.read_bytes()

"""Traces go in as they are published, each row with its own arrival."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from serving_sim.cli.commands import app
from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.workload import Workload, trace_arrivals

BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,32,8,40,Conversation log
9,GPT-4,64,0,64,API log
12,ChatGPT,48,20,68,Conversation log
"""
AZURE_2023 = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,32,8
2023-11-16 18:15:53.6805900,48,20
"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:53.930000+00:00,48,20
2024-05-10 00:00:46.930000+00:00,32,8
"""
MOONCAKE = "".join(
    json.dumps({"timestamp": ms, "input_length": given, "output_length": out, "hash_ids": [1]})
    + "\n"
    for ms, given, out in ((0, 32, 8), (7000, 48, 20))
)
PLAIN = """time,prompt_tokens,completion_tokens,status
2026-11-01T10:00:00Z,32,8,success
2026-11-01T10:00:03Z,64,3,failed
2026-11-01T10:00:07Z,48,20,success
,10,10,success
"""


def read(folder: Path, text: str, suffix: str = ".csv", **options: int | None) -> LengthTable:
    path = folder / f"trace{suffix}"
    path.write_text(text)
    return LengthTable.from_file(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "suffix", "notes"),
    [
        (BURSTGPT, ".csv", ("read as BurstGPT", "rows left out: 1 failed")),
        (AZURE_2023, ".csv", ("read as Azure LLM inference trace",)),
        (
            AZURE_2024,
            ".csv",
            (
                "read as Azure LLM inference trace",
                "rows were not in the order of their arrival: sorted",
            ),
        ),
        (MOONCAKE, ".jsonl", ("read as Mooncake trace",)),
        (PLAIN, ".csv", ("rows left out: 1 failed, 1 without a time",)),
    ],
    ids=["BurstGPT", "Azure 2023", "Azure 2024", "Mooncake", "plain"],
)
def test_a_published_trace_is_read_as_it_is(
    tmp_path: Path, text: str, suffix: str, notes: tuple[str, ...]
) -> None:
    table = read(tmp_path, text, suffix, input_tokens=None)
    assert table.input_tokens.tolist() == [32, 48]
    assert table.output_tokens.tolist() == [8, 20]
    assert table.timestamp_s is not None
    assert np.diff(table.timestamp_s).tolist() == pytest.approx([7.0], abs=1e-5)
    assert table.notes == notes


def test_rows_keep_their_own_arrivals_when_they_are_sorted_and_cut(tmp_path: Path) -> None:
    text = "timestamp_s,input_tokens,output_tokens\n30,3,3\n10,1,1\n20,2,2000\n"
    table = read(tmp_path, text).within(100)
    assert table.timestamp_s is not None
    rows = zip(table.timestamp_s, table.input_tokens, table.output_tokens, strict=True)
    assert [tuple(map(float, row)) for row in rows] == [(10, 1, 1), (30, 3, 3)]


@pytest.mark.parametrize("seed", range(6))
def test_each_request_arrives_after_the_gap_that_was_before_it(tmp_path: Path, seed: int) -> None:
    text = "timestamp_s,input_tokens,output_tokens\n" + "".join(
        f"{at},1,{gap}\n" for at, gap in ((0, 5), (1, 1), (3, 2), (7, 4), (15, 8))
    )  # every answer is as long as the gap before it; the first's is not known
    table = read(tmp_path, text)
    assert table.timestamp_s is not None
    workload = Workload(
        table,
        trace_arrivals(table.timestamp_s),
        table.output_tokens.astype(float),
        ordered=True,
    )
    requests = workload.draw(9, 4 / 15, seed)  # the trace's own rate
    gaps_s = np.diff(requests.arrival_s)
    mean_s = 15 / 4
    expected = np.where(requests.output_tokens == 5, mean_s, requests.output_tokens)[1:]
    assert gaps_s == pytest.approx(expected)


def test_a_trace_without_input_tokens_is_not_filled_in(tmp_path: Path) -> None:
    text = "timestamp_s,output_tokens\n1,5\n2,6\n"
    with pytest.raises(InvalidWorkloadError, match=r"row 1: expected .* or --input-tokens for all"):
        read(tmp_path, text, input_tokens=None)
    assert read(tmp_path, text, input_tokens=7).input_tokens.tolist() == [7, 7]


def test_the_command_tells_what_it_left_out(tmp_path: Path) -> None:
    path = tmp_path / "burst.csv"
    path.write_text(BURSTGPT)
    arguments = ["run", "--trace", str(path), "--policy", "fcfs", "--predict", "oracle"]
    result = CliRunner().invoke(
        app, [*arguments, "--load", "0.5", "--requests", "20", "--seeds", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "read as BurstGPT\nrows left out: 1 failed" in result.stderr


def test_a_log_of_which_some_rows_have_no_time_is_refused(tmp_path):
    """Each length would have the time of another row."""
    path = tmp_path / "log.jsonl"
    times = ["", ', "timestamp_s": 1', ', "timestamp_s": 2']
    path.write_text("".join(f'{{"output_tokens": 10{time}}}\n' for time in times))
    with pytest.raises(InvalidWorkloadError, match="some rows have a time and some have none"):
        LengthTable.from_file(path, input_tokens=5)

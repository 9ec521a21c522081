"""The command line, as a process of its own would see it."""

import json

import pytest
from typer.testing import CliRunner

from serving_sim.cli.commands import app
from serving_sim.errors import SimulationError


@pytest.fixture
def lengths(tmp_path):
    rows = "\n".join(f"{10 + i % 37 * 8},{i / 5}" for i in range(200))
    path = tmp_path / "lengths.csv"
    path.write_text(f"output_tokens,timestamp_s\n{rows}\n")
    return str(path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["run", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("batching", ["none", "dynamic", "continuous"])
def test_run_writes_a_row_for_each_policy_load_and_seed(lengths, tmp_path, batching):
    path = tmp_path / "rows.json"
    shown = run(
        *("--lengths", lengths, "--policy", "fcfs,oracle-sjf", "--load", "0.5,1.5"),
        *("--batching", batching, "--slots", "4", "--seeds", "2", "--requests", "60"),
        *("--profile", "ssjf", "--json", str(path)),
    )
    rows = json.loads(path.read_text())
    assert [(row["policy"], row["load"], row["seed"]) for row in rows] == [
        (policy, load, seed)
        for load in (0.5, 1.5)
        for seed in (0, 1)
        for policy in ("fcfs", "oracle-sjf")
    ]
    assert {"batching", "slots", "mean_jct_s", "p99_jct_s", "mean_ttft_s", "max_wait_s",
            "tokens_per_s"} <= rows[0].keys()  # fmt: skip
    assert "oracle-sjf" in shown


def test_run_replays_a_trace_with_its_own_lengths(lengths, tmp_path):
    path = tmp_path / "rows.json"
    run("--trace", lengths, "--poisson", "2", "--policy", "fcfs", "--requests", "50",
        "--seeds", "1", "--input-tokens", "100", "--json", str(path))  # fmt: skip
    assert json.loads(path.read_text())[0]["load"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "best"], "there is no policy 'best'"),
        (["--load", "much"], "--load is 'much'"),
        (["--batching", "static"], "batching is 'static'"),
        (["--profile", "none-such"], "profile 'none-such'"),
        (["--profile", "ssjf", "--swap"], "--swap with profile 'ssjf'"),
        (["--predict", "best"], "predictions are 'best'"),
    ],
)
def test_run_refuses_what_cannot_be_and_says_why(lengths, arguments, message):
    with pytest.raises(SimulationError, match=message):
        run("--lengths", lengths, *arguments)


def test_run_needs_lengths():
    with pytest.raises(SimulationError, match="expected --lengths, --trace or both"):
        run("--policy", "fcfs")

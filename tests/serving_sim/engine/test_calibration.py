"""Constants are found again in what an engine with known constants did."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from serving_sim.cli.commands import app
from serving_sim.engine.calibration import calibrate
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.engine.profile import Profile
from serving_sim.engine.records import EngineRecord, EngineRun, write_records
from serving_sim.errors import InvalidWorkloadError
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.registry import PolicyChoice
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Requests

TRUE_COST = StepCost(0.02, 0.001, 1e-6, 0.004, 2e-5)
ENGINE = Engine(slots=8)
OUTSIDE_S = 0.003


def drawn(seed: int, count: int = 150) -> Requests:
    rng = np.random.default_rng(seed)
    outputs = rng.geometric(1 / 60, count)
    arrival_s = np.cumsum(rng.exponential(0.25, count))
    return Requests(arrival_s, rng.integers(5, 400, count), outputs, outputs.astype(float))


def records_of(requests: Requests, policy) -> list[EngineRecord]:
    result = simulate(requests, policy, ENGINE, TRUE_COST)
    columns = (
        requests.arrival_s,
        result.first_token_s + OUTSIDE_S,
        result.completed_s + OUTSIDE_S,
        requests.input_tokens,
        requests.output_tokens,
    )
    return [EngineRecord(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]


@pytest.fixture(scope="module")
def fitted():
    return calibrate(EngineRun.of(records_of(drawn(0), FcfsPolicy())), ENGINE)


def test_a_fitted_model_tells_the_run_that_it_was_fitted_to(fitted):
    assert fitted.jct_error < 0.01
    assert fitted.ttft_error < 0.05


def test_a_fitted_model_tells_other_requests_under_another_policy(fitted):
    # Near saturation half a percent of a step is several of a wait: of five runs the mean.
    truth, told = (
        [
            simulate(drawn(seed), PolicyChoice("sjf").make(cost, ENGINE), ENGINE, cost)
            for seed in range(1, 6)
        ]
        for cost in (TRUE_COST, fitted.cost)
    )
    for of in ("jct_s", "ttft_s"):
        true_s, told_s = (
            np.mean([getattr(run, of).mean() for run in runs]) for runs in (truth, told)
        )
        assert told_s == pytest.approx(true_s, rel=0.05)


def test_too_few_records_are_refused():
    with pytest.raises(InvalidWorkloadError, match="5 records: expected at least 30"):
        calibrate(EngineRun.of(records_of(drawn(0, 5), FcfsPolicy())), ENGINE)


def test_records_in_any_order_are_a_run_in_the_order_of_arrival():
    records = records_of(drawn(2, 10), FcfsPolicy())
    told = [float(i) for i in range(10)]
    run = EngineRun.of(records[::-1], told[::-1])
    assert run.requests.arrival_s.tolist() == [record.arrival_s for record in records]
    assert run.requests.predicted_tokens.tolist() == told


def test_the_command_writes_a_profile_that_run_takes(tmp_path):
    write_records(records_of(drawn(0, 40), FcfsPolicy()), tmp_path / "run.jsonl")
    arguments = ["--records", str(tmp_path / "run.jsonl"), "--out", str(tmp_path / "p.json")]
    result = CliRunner().invoke(app, ["calibrate", *arguments, "--slots", "8", "--json"])
    assert result.exit_code == 0
    profile = Profile.named(str(tmp_path / "p.json"))
    assert profile.cost.to_dict() == json.loads(result.stdout)["cost"]


def test_a_line_that_lacks_a_field_is_named(tmp_path):
    (tmp_path / "run.jsonl").write_text('{"arrival_s": 1}\n')
    with pytest.raises(InvalidWorkloadError, match="line 1: expected JSON with arrival_s"):
        CliRunner().invoke(
            app,
            ["calibrate", "--records", str(tmp_path / "run.jsonl"), "--out", "p", "--slots", "8"],
            catch_exceptions=False,
        )

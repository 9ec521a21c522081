"""What is counted when published headlines are computed anew."""

import gzip

import numpy as np
import pytest

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.reproduce.alise import AliseRow, rate_at, rate_ratios
from serving_sim.reproduce.ssjf import (
    ENGINES,
    PREDICTORS,
    Comparison,
    Scenario,
    compare,
    quarter_throughput,
    sorted_gaps,
    workloads,
)
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Requests
from serving_sim.workload.workload import gamma_arrivals
from tests.serving_sim.workloads import requests_of


def served(requests: Requests):
    return simulate(requests, FcfsPolicy(), Engine("none", 1), StepCost(step_s=1.0))


def point(variant: str, rate: float, s_per_token: float) -> AliseRow:
    return AliseRow("set", variant, rate, rate, s_per_token, 0, 0, 0, 0, 0)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    tokens = rng.geometric(1 / 100, 400)
    rows = [f"{n},{min(n // 100, 2)},{min(n // 50, 4)}" for n in tokens.tolist()]
    with gzip.open(tmp_path / "ssjf_lmsys_vicuna13b_predictions.csv.gz", "wt") as file:
        file.write("output_tokens,predicted_class_of_3,predicted_class_of_5\n" + "\n".join(rows))
    return tmp_path


def test_throughput_is_counted_to_the_first_quarter_of_completions():
    result = served(requests_of(*((0, 1, 2) for _ in range(9))))
    assert quarter_throughput(result) == 2 / 6


def test_a_policy_that_changes_nothing_has_no_gain_and_ratios_of_one():
    one = served(requests_of(*((i, 1, 4) for i in range(9))))
    assert Comparison.from_runs([one, one], [one, one]) == Comparison(0.0, 0.0, 1.0, 1.0, 1.0)


def test_sorted_gaps_bring_most_requests_at_once():
    arrival_s = sorted_gaps(3.0)(1.0, 200, np.random.default_rng(1))
    assert (np.diff(np.diff(arrival_s)) >= -1e-12).all()


@pytest.mark.parametrize("batching", list(ENGINES))
def test_better_predictions_gain_more_in_a_burst(data, batching):
    told = workloads(data)
    assert set(told) == set(PREDICTORS)
    scenario = Scenario("burst", 50.0, gamma_arrivals(1.0))
    rows = {
        row.policy: row.comparison for row in compare(told, scenario, batching, jobs=60, runs=4)
    }
    gains = [rows[f"SSJF {name}"].jct_reduction for name in ("3 classes", "5 classes", "oracle")]
    assert 0 < gains[0] < gains[1] < gains[2]


def test_the_rate_at_a_latency_lies_between_the_points_around_it():
    rows = [point("FCFS", 1, 0.1), point("FCFS", 2, 0.3), point("ours", 2, 0.1),
            point("ours", 4, 0.3)]  # fmt: skip
    assert rate_at(rows, "FCFS", 0.2) == pytest.approx(1.5)
    ratios = {row["variant"]: row["at_0.2"] for row in rate_ratios(rows)}
    assert ratios["ours"] == pytest.approx(2.0)


def test_a_latency_that_is_never_reached_has_no_rate():
    rows = [point("FCFS", 1, 0.1), point("FCFS", 2, 0.15)]
    assert rate_at(rows, "FCFS", 0.2) is None
    assert rate_at(rows, "FCFS", 0.05) is None

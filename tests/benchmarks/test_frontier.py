"""The comparison of rules: its requests, its policies and its tables."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks.frontier.__main__ import compare
from benchmarks.frontier.picture import draw
from benchmarks.frontier.policies import CONTENDERS, FCFS, ORACLE, PREEMPTING, SWEPT, Contender
from benchmarks.frontier.tables import PolicyOutcome, aims, frontier_table
from benchmarks.frontier.workload import COST, PredictedLengths, Scenario
from benchmarks.harness.spread import Spread
from scheduler_client import LengthDistribution
from serving_sim.engine.engine import Engine
from serving_sim.simulate import simulate
from serving_sim.workload.arrivals import gamma_arrivals_s
from serving_sim.workload.requests import Distributions, Requests

LENGTHS = np.random.default_rng(0).lognormal(4.6, 0.8, 4000).astype(int) + 1


class DrawnWorkloads:
    """A burst of load 2 for one slot, without the real sets."""

    def requests(self, scenario: Scenario, seed: int) -> Requests:
        rng = np.random.default_rng(seed)
        outputs, predicted, distributions = PredictedLengths(LENGTHS).draw(scenario.requests, rng)
        arrival_s = gamma_arrivals_s(2 / (LENGTHS.mean() * 0.02), 1.0, scenario.requests, rng)
        inputs = np.full(scenario.requests, 10)
        return Requests(arrival_s, inputs, outputs, predicted, distributions)


def outcome(load: float, policy: str, gain: float, oracle_gain: float = 0.4) -> PolicyOutcome:
    scenario = Scenario("set", "poisson", 8, load, 100)
    one = [Spread.from_values([value]) for value in (oracle_gain, gain, 1.1, 1.2)]
    return PolicyOutcome(scenario, policy, *one)


@pytest.mark.parametrize("tau", [0.3, 0.6])
def test_drawn_predictions_agree_with_the_lengths_as_much_as_asked(tau):
    rng = np.random.default_rng(1)
    outputs, predicted, distributions = PredictedLengths(LENGTHS, tau).draw(4000, rng)
    assert kendalltau(outputs, predicted).statistic == pytest.approx(tau, abs=0.03)
    assert predicted.mean() == pytest.approx(outputs.mean(), rel=0.1)
    inside = [outputs[i] <= distributions[i].quantile(0.9) for i in range(4000)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_first_come_first_served_gains_nothing_and_the_oracle_everything():
    scenario = Scenario("set", "poisson", 1, 2.0, 300)
    fcfs, oracle = compare(DrawnWorkloads(), scenario, (FCFS, ORACLE), seeds=2)
    assert (fcfs.gain.median, fcfs.p99.median, fcfs.wait.median) == (0, 1, 1)
    assert oracle.gain == Spread(1, 1, 1)
    assert oracle.oracle_gain.lowest > 0.3


def test_the_default_rule_gains_less_of_a_burst_if_it_hears_of_no_end():
    hearing = Contender("hearing", "guarded")
    deaf = Contender("deaf", "guarded", hears_ends=False)
    scenario = Scenario("set", "poisson", 1, 2.0, 600)
    one, other = compare(DrawnWorkloads(), scenario, (hearing, deaf), seeds=3)
    assert one.gain.median > 1.2 * other.gain.median


def test_every_contender_serves_every_request():
    requests = DrawnWorkloads().requests(Scenario("set", "poisson", 4, 2.0, 60), 0)
    for one in (*CONTENDERS, *SWEPT):
        policy = one.policy(100.0)
        result = simulate(requests, policy, Engine(slots=4), COST)
        assert np.isfinite(result.completed_s).all(), one.name


def test_with_preemption_a_short_request_need_not_wait_for_a_long_one():
    sure = Distributions(
        [LengthDistribution.from_quantiles([0.5], [n]) for n in (1000, 10)], np.array([0, 1])
    )
    tokens = np.array([1000, 10])
    requests = Requests(np.array([0.0, 1.0]), np.array([5, 5]), tokens, tokens.astype(float), sure)
    waits = {}
    for one in (Contender("plain", "shortest"), Contender("cut", "shortest", preempts=True)):
        result = simulate(requests, one.policy(100.0), Engine(slots=1), COST)
        waits[one.name] = result.wait_s[1]
        assert result.preemptions.tolist() == [int(one.preempts), 0]
    assert waits["plain"] > 15
    assert waits["cut"] < 0.1


def test_where_no_queue_forms_a_scenario_does_not_count():
    table = frontier_table([outcome(0.9, "guarded", 0.7), outcome(0.9, "guarded", 9.0, 0.05)])
    assert [(row["load"], row["scenarios"], row["gain"].median) for row in table.rows] == [
        ("0.9", 1, 0.7)
    ]


def test_aims_are_judged_apart_for_loads_and_the_burst():
    policies = ("shortest", "guarded", PREEMPTING.name)
    outcomes = [outcome(0.9, name, 0.85) for name in policies]
    outcomes += [outcome(2.0, name, 0.95) for name in policies]
    judged = {aim.name: aim.met for aim in aims(outcomes)}
    assert judged["guarded, load to 0.9: of the oracle's gain"]
    assert judged["guarded + preemption, burst: of the oracle's gain"]
    assert not judged["guarded + preemption, load to 0.9: of the oracle's gain"]
    assert judged["guarded, burst: p99 over FCFS's"]


def test_the_picture_has_a_panel_per_load(tmp_path):
    swept = [outcome(load, f"guarded {k}", 0.1 * k) for load in (0.9, 2.0) for k in (1, 2)]
    path = tmp_path / "new" / "frontier.svg"
    draw(swept, [outcome(0.9, "shortest", 0.9)], path)
    text = path.read_text("utf-8")
    assert text.count('id="axes_') == 2

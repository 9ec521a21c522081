"""Long runs against closed forms of queueing theory."""

import numpy as np
import pytest

from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.remaining import SrptPolicy
from serving_sim.policies.rule_policy import RulePolicy
from serving_sim.simulate import simulate
from serving_sim.workload.arrivals import gamma_arrivals_s
from serving_sim.workload.requests import Requests

STEP = StepCost(step_s=0.02)
ONE = Engine("none", slots=1)
LOAD = 0.7
COUNT = 60_000


def queue_of(tokens: np.ndarray, seed: int) -> tuple[Requests, float]:
    """Poisson arrivals at LOAD of these services, and their rate."""
    rng = np.random.default_rng(seed)
    rate = LOAD / (0.02 * tokens.mean())
    arrival_s = gamma_arrivals_s(rate, 1.0, len(tokens), rng)
    rate = len(tokens) / arrival_s[-1]  # as it was drawn: half of the noise
    ones = np.ones(len(tokens), np.int64)
    return Requests(arrival_s, ones, tokens, tokens.astype(np.float64)), rate


def geometric(seed: int, mean: float) -> np.ndarray:
    return np.random.default_rng(seed).geometric(1 / mean, COUNT)


def test_an_m_m_1_queue_waits_as_its_closed_form_says():
    tokens = geometric(1, 400.0)
    requests, rate = queue_of(tokens, 2)
    mean_s = 0.02 * tokens.mean()
    result = simulate(requests, FcfsPolicy(), ONE, STEP)
    assert result.jct_s.mean() == pytest.approx(mean_s / (1 - rate * mean_s), rel=0.08)


def test_an_m_g_1_queue_waits_as_pollaczek_and_khinchine_say():
    tokens = np.random.default_rng(3).choice([10, 40, 400], COUNT, p=[0.5, 0.4, 0.1])
    requests, rate = queue_of(tokens, 4)
    service_s = 0.02 * tokens
    wait_s = rate * (service_s**2).mean() / 2 / (1 - rate * service_s.mean())
    result = simulate(requests, FcfsPolicy(), ONE, STEP)
    assert result.wait_s.mean() == pytest.approx(wait_s, rel=0.08)


def test_an_m_g_1_queue_under_shortest_first_waits_as_its_closed_form_says():
    values, shares = np.array([10, 40, 400]), np.array([0.5, 0.4, 0.1])
    tokens = np.random.default_rng(5).choice(values, COUNT, p=shares)
    requests, rate = queue_of(tokens, 6)
    policy = RulePolicy(make_rule("shortest"), ServiceTimeModel())
    wait_s = simulate(requests, policy, ONE, STEP).wait_s
    residual_s = rate * ((0.02 * tokens) ** 2).mean() / 2
    for value in values.tolist():
        shorter, as_short = (
            rate * (0.02 * tokens * (tokens < value + more)).mean() for more in (0, 1)
        )
        expected_s = residual_s / ((1 - shorter) * (1 - as_short))
        assert wait_s[tokens == value].mean() == pytest.approx(expected_s, rel=0.08)


def test_an_m_g_1_queue_under_srpt_takes_as_long_as_schrage_and_miller_say():
    tokens = geometric(7, 100.0)[:15_000]
    requests, rate = queue_of(tokens, 8)
    policy = SrptPolicy(review_tokens=4)
    result = simulate(requests, policy, ONE, STEP)
    sizes = np.arange(1, tokens.max() + 1)
    share = np.bincount(tokens, minlength=sizes[-1] + 1)[1:] / len(tokens)
    size_s = 0.02 * sizes
    below = np.cumsum(share)
    load = rate * np.cumsum(share * size_s)
    squares = rate * (np.cumsum(share * size_s**2) + size_s**2 * (1 - below))
    started_s = squares / (2 * (1 - load) ** 2)
    ran_s = np.cumsum(0.02 / (1 - np.concatenate(([0.0], load[:-1]))))
    expected_s = float((share * (started_s + ran_s)).sum())
    assert result.jct_s.mean() == pytest.approx(expected_s, rel=0.08)

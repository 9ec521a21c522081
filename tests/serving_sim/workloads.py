"""Small workloads, written down or drawn."""

import numpy as np

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.policies.policy import Policy
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Requests


def requests_of(*rows: tuple[float, int, int] | tuple[float, int, int, float]) -> Requests:
    """From (arrival, input, output[, predicted]); predicted is the truth unless given."""
    arrival, inputs, outputs = (np.array([row[i] for row in rows]) for i in range(3))
    predicted = np.array([row[3] if len(row) > 3 else row[2] for row in rows], np.float64)
    return Requests(
        arrival.astype(np.float64), inputs.astype(np.int64), outputs.astype(np.int64), predicted
    )


def drawn_requests(seed: int, count: int = 40, mean_gap_s: float = 4.0) -> Requests:
    """Arrivals at whole seconds now and then, short and long prompts and answers."""
    rng = np.random.default_rng(seed)
    arrival_s = np.cumsum(rng.exponential(mean_gap_s, count)).round(rng.integers(0, 3))
    inputs = rng.integers(1, 30, count)
    outputs = rng.integers(1, 40, count)
    return Requests(arrival_s, inputs, outputs, outputs.astype(np.float64))


def log_of(
    requests: Requests, policy: Policy, engine: Engine, cost: StepCost
) -> list[tuple[float, float, float]]:
    """(started, first token, completed) of each request, in the order of arrival."""
    result = simulate(requests, policy, engine, cost)
    columns = (result.started_s, result.first_token_s, result.completed_s)
    return [tuple(row) for row in np.round(np.array(columns).T, 9).tolist()]

"""What an engine can serve: load 1."""

import numpy as np

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Requests

SATURATED = (0.1, 0.7)
"""Shares of the completions between which all slots are surely taken."""


def requests_per_s(requests: Requests, engine: Engine, cost: StepCost) -> float:
    """Completions per second while the engine is saturated, first come first served.

    Args:
        requests: That are typical; their arrivals do not matter.
        engine: What it runs on.
        cost: The time of a step.
    """
    at_once = Requests(
        np.zeros(len(requests)),
        requests.input_tokens,
        requests.output_tokens,
        requests.predicted_tokens,
    )
    ends_s = np.sort(simulate(at_once, FcfsPolicy(), engine, cost).completed_s)
    first, last = (int(share * (len(ends_s) - 1)) for share in SATURATED)
    if ends_s[last] <= ends_s[first]:
        return float(len(ends_s) / ends_s[-1])
    return float((last - first) / (ends_s[last] - ends_s[first]))

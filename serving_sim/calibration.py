"""The constants of a cost model, fitted to what a real engine did."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.engine_run import EngineRun
from serving_sim.errors import InvalidWorkloadError
from serving_sim.policies.registry import PolicyChoice
from serving_sim.simulate import simulate
from serving_sim.workload.requests import FloatArray

MIN_RECORDS = 30
"""Requests: six constants are fitted, so there are at least five for each."""

NAMES = tuple(field.name for field in fields(StepCost))
"""Constants of a step, in seconds, in the order in which the vectors of a fit hold them."""

LEAST_SHARE = 0.01
"""Of a decoding step: what contributes less than this is searched in even steps, and may be 0."""

RELATIVE_STEP = 1e-3
"""Of finite differences in the logarithms."""

MAX_SIMULATIONS = 40
"""Evaluations of the optimiser: a bound on the time of a fit that does not settle."""

REWEIGHTINGS = 20
"""Rounds of reweighted least squares: a round costs milliseconds, so there are plenty."""

LEAST_RESIDUAL = 0.002
"""Of a request's decoding time: below it all count alike."""


@dataclass(frozen=True, slots=True)
class FittedCost:
    """What was fitted, and how well it tells what it was fitted to.

    Args:
        cost: The time of a step.
        outside_s: Of a request, outside of the engine's steps: HTTP, tokeniser, client.
        jct_error: Mean absolute error of the completion times, over their mean.
        ttft_error: The same of the times to first token.
        records: Number of requests that it was fitted to.
    """

    cost: StepCost
    outside_s: float
    jct_error: float
    ttft_error: float
    records: int


def calibrate(run: EngineRun, engine: Engine, policy: str = "fcfs") -> FittedCost:
    """Fit all constants at once: the simulated run is to tell the real one, request by request.

    Least squares over the times to first token and to completion, with the simulator in the loop.
    A queue must have formed and gone again, so that steps with few and with many requests are seen.

    Args:
        run: Of the real engine, request by request.
        engine: Slots, memory and step size that the real engine ran with.
        policy: Name of the policy that the real engine ran under.

    Raises:
        InvalidWorkloadError: If there are too few records, or no answer of several tokens.
    """
    if len(run.requests) < MIN_RECORDS:
        raise InvalidWorkloadError(
            f"{len(run.requests)} records: expected at least {MIN_RECORDS} to fit to"
        )
    first = decoding_costs(run)
    least = _least(run, engine, first)
    start = np.log(np.array([*first, _outside_s(run, engine, policy, first)]) + least)
    spread_s = float(run.jct_s.std()) or float(first[0])

    def residuals(logs: FloatArray) -> FloatArray:
        values = np.maximum(np.exp(logs) - least, 0.0)
        jct_s, ttft_s = _simulated(run, engine, policy, values)
        wrong = np.concatenate((jct_s - run.jct_s, ttft_s - run.ttft_s)) / spread_s
        return np.asarray(wrong, np.float64)

    fitted: Any = least_squares(
        residuals,
        start,
        bounds=(np.log(least) - 1e-9, np.inf),
        loss="soft_l1",
        f_scale=0.02,
        diff_step=RELATIVE_STEP,
        max_nfev=MAX_SIMULATIONS,
    )
    values = np.maximum(np.exp(fitted.x) - least, 0.0)
    jct_s, ttft_s = _simulated(run, engine, policy, values)
    cost, outside_s = _constants(values)
    return FittedCost(
        cost,
        outside_s,
        float(np.abs(jct_s - run.jct_s).mean() / run.jct_s.mean()),
        float(np.abs(ttft_s - run.ttft_s).mean() / run.ttft_s.mean()),
        len(run.requests),
    )


def decoding_costs(run: EngineRun) -> FloatArray:
    """A first fit, without the simulator: what went on while each request decoded.

    From its first token to its last a request takes part in as many steps as it has tokens; who
    else was in them, with how much cached, and which prompts were computed, follows from the
    others' own times. The time is linear in that.

    Returns:
        Shape (constants,): in the order of NAMES, at least 0.

    Raises:
        InvalidWorkloadError: If every answer is one token.
    """
    requests = run.requests
    steps = requests.output_tokens - 1.0
    took_s = run.finished_s - run.first_token_s
    longer = np.flatnonzero((steps > 0) & (took_s > 0))
    if len(longer) == 0:
        raise InvalidWorkloadError("every answer is one token: expected some that are longer")
    rows: list[FloatArray] = []
    for i in longer.tolist():
        start_s, end_s = run.first_token_s[i], run.finished_s[i]
        beside_s = np.minimum(end_s, run.finished_s) - np.maximum(start_s, run.first_token_s)
        shared = np.maximum(beside_s, 0.0) / took_s[i] * steps[i]  # steps with each other one
        middle_s = (np.minimum(end_s, run.finished_s) + np.maximum(start_s, run.first_token_s)) / 2
        generated = (middle_s - run.first_token_s) / np.maximum(took_s, 1e-9) * steps
        cached = requests.input_tokens + np.clip(generated, 0.0, steps)
        began = (run.first_token_s > start_s) & (run.first_token_s <= end_s)
        prompts = float(requests.input_tokens[began].sum())
        row = (steps[i], shared.sum(), (shared * cached).sum(), float(began.sum()), prompts)
        rows.append(np.array(row) / took_s[i])
    costs = _least_absolute(np.array(rows))
    if costs[0] + costs[1] <= 0:
        costs[0] = float(np.median(took_s[longer] / steps[longer]))
    return costs


def _least_absolute(design: FloatArray) -> FloatArray:
    """What makes each row's sum nearest to 1, at least 0: a stalled client must not bend it."""
    scale = design.max(axis=0)
    scale[scale == 0] = 1.0
    scaled, ones = design / scale, np.ones(len(design))
    weights = ones
    solution = ones[:0]
    for _ in range(REWEIGHTINGS):  # least squares, reweighted, tend to least absolute deviations
        solution = np.asarray(nnls(scaled * weights[:, None], weights)[0], np.float64)
        residuals = np.abs(scaled @ solution - 1)
        weights = 1 / np.sqrt(np.maximum(residuals, LEAST_RESIDUAL))
    return np.asarray(solution / scale, np.float64)


def _outside_s(run: EngineRun, engine: Engine, policy: str, costs: FloatArray) -> float:
    """How much later than simulated first tokens come, of the half that waits least."""
    cost = StepCost(**dict(zip(NAMES, costs.tolist(), strict=True)))
    result = simulate(run.requests, PolicyChoice(policy).make(cost, engine), engine, cost)
    little = run.ttft_s <= np.median(run.ttft_s)
    return max(0.0, float(np.median((run.ttft_s - result.ttft_s)[little])))


def _least(run: EngineRun, engine: Engine, first: FloatArray) -> FloatArray:
    """What each constant, and outside_s, would be if it made up LEAST_SHARE of a step."""
    prompt = float(run.requests.input_tokens.mean())
    cached = engine.slots * (prompt + float(run.requests.output_tokens.mean()) / 2)
    times_in_a_step = np.array([1.0, engine.slots, cached, 1.0, prompt, 1.0])
    step_s = float(first[0] + first[1] * engine.slots + first[2] * cached)
    return LEAST_SHARE * step_s / times_in_a_step


def _constants(values: FloatArray) -> tuple[StepCost, float]:
    *costs, outside_s = values.tolist()
    return StepCost(**dict(zip(NAMES, costs, strict=True))), float(outside_s)


def _simulated(
    run: EngineRun, engine: Engine, policy: str, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    cost, outside_s = _constants(values)
    result = simulate(run.requests, PolicyChoice(policy).make(cost, engine), engine, cost)
    return result.jct_s + outside_s, result.ttft_s + outside_s

"""By what the engine serves, told noisy predictions: what remains, or as the plugin does.

The plugin's default rule is the guarded one; its own preemption says who makes room.
"""

from typing import Any, Literal

from benchmarks.kv_swap.setting import SLOTS, profile
from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.rule import FinishedJob, QueuedJob
from serving_sim.workload.requests import Requests
from testbed.in_engine.ordered_scheduler import Order

OrderName = Literal["FCFS", "SRPT", "guarded"]

MARGIN_S = 0.5
"""A victim has so much longer to go: a swap of 500 tokens there and back takes 33 ms."""

KEYS_PER_S = 1e6
"""Of the rules' keys."""


def order_of(name: OrderName, requests: Requests) -> Order | None:
    """An order of its own state for a run; None for first come, first served."""
    if name == "FCFS":
        return None
    return _srpt(requests) if name == "SRPT" else _guarded(requests)


def _number(request: Any) -> int:
    return int(request.request_id.partition("-")[0])


def _srpt(requests: Requests) -> Order:
    rates = profile().cost.service_time_model(SLOTS)

    def key(request: Any) -> float:
        predicted = float(requests.predicted_tokens[_number(request)])
        done = request.num_output_tokens
        # One that outlived its prediction goes on for as long again, as in ALISE's policy.
        left = predicted - done if predicted > done else max(1, done)
        return rates.service_time_s(left, request.num_prompt_tokens)

    return Order(key, MARGIN_S)


def _guarded(requests: Requests) -> Order:
    rule, rates = make_rule("guarded"), profile().cost.service_time_model(SLOTS)
    keys: dict[int, float] = {}

    def key(request: Any) -> float:
        number = _number(request)
        if number not in keys:
            predicted = float(requests.predicted_tokens[number])
            service_s = rates.service_time_s(predicted, request.num_prompt_tokens)
            job = QueuedJob(request.arrival_time, request.num_prompt_tokens, predicted, service_s)
            keys[number] = rule.key(job) / KEYS_PER_S
        return keys[number]

    def expected(number: int) -> tuple[float, LengthDistribution]:
        predicted = float(requests.predicted_tokens[number])
        whole = requests.distributions[number] if requests.distributions is not None else None
        return predicted, whole or LengthDistribution.from_quantiles([0.5], [predicted])

    def ended(number: int, began_s: float, ended_s: float) -> None:
        arrival_s = float(requests.arrival_s[number])
        rule.finished(
            FinishedJob(
                arrival_s,
                began_s - arrival_s,
                ended_s - began_s,
                int(requests.input_tokens[number]),
                int(requests.output_tokens[number]),
            )
        )

    return Order(key, ended=ended, expected=expected, service_time=rates)

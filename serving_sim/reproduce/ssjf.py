"""SSJF's headline (Qiu et al. 2024, arXiv 2404.08509) with their own predictor's predictions.

Their cost model: 0.1 s + 0.02 s per token, whatever the batch. With no and with dynamic batching
the 0.1 s are part of the step that computes the prompts. With continuous batching they would hold
up the whole batch there, while in their simulator each request has its own: here they are five
steps more of that request.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from lengthwise.scheduling.rules import ShortestRule
from serving_sim.engine.cost_model import SSJF_COST, StepCost
from serving_sim.engine.engine import Batching, Engine
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.policy import Policy
from serving_sim.policies.rule_policy import RulePolicy
from serving_sim.policies.starvation import StarvationPolicy
from serving_sim.result import SimulationResult
from serving_sim.simulate import simulate
from serving_sim.workload.arrivals import gamma_arrivals_s
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.requests import FloatArray, Requests
from serving_sim.workload.workload import ArrivalProcess, Workload, gamma_arrivals, trace_arrivals

QUARTER = 0.25
"""Share of the completions at which SSJF's authors count the throughput."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a policy changes, over several runs.

    Args:
        jct_reduction: Of the mean completion time, as a share: the mean over the runs.
        jct_reduction_sem: Standard error of that mean; 0 with one run.
        throughput_ratio: At the first quarter of the completions, as SSJF's authors count it.
        p99_ratio: Of the 99th percentile of the completion times.
        max_wait_ratio: Of the longest wait for a first token.
    """

    jct_reduction: float
    jct_reduction_sem: float
    throughput_ratio: float
    p99_ratio: float
    max_wait_ratio: float

    @classmethod
    def from_runs(
        cls, policy: Sequence[SimulationResult], fcfs: Sequence[SimulationResult]
    ) -> "Comparison":
        """Run by run: both served the same requests in each."""
        pairs = list(zip(policy, fcfs, strict=True))
        reductions = np.array([1 - a.jct_s.mean() / b.jct_s.mean() for a, b in pairs])

        def mean_ratio(ratios: Sequence[float]) -> float:
            return float(np.mean(ratios))

        return cls(
            float(reductions.mean()),
            float(reductions.std(ddof=1) / len(pairs) ** 0.5) if len(pairs) > 1 else 0.0,
            mean_ratio([quarter_throughput(a) / quarter_throughput(b) for a, b in pairs]),
            mean_ratio([_p99(a) / _p99(b) for a, b in pairs]),
            mean_ratio([float(a.ttft_s.max() / b.ttft_s.max()) for a, b in pairs]),
        )

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)


def quarter_throughput(result: SimulationResult) -> float:
    """Completions per second, from time 0 to a quarter of the completions (Qiu et al. 2024)."""
    ends_s = np.sort(result.completed_s)
    place = int(QUARTER * (len(ends_s) - 1))
    return float(place / ends_s[place])


def _p99(result: SimulationResult) -> float:
    return float(np.percentile(result.jct_s, 99))


PREDICTIONS = "ssjf_lmsys_vicuna13b_predictions.csv.gz"
"""The authors' test set, with the classes that their own predictors gave."""

TRACES = {"Azure conv": "trace_azure2023_conv.csv.gz", "Azure code": "trace_azure2023_code.csv.gz"}
"""Files of published arrivals, by their names in the table."""

OVERHEAD_STEPS = 5
"""Steps of 0.02 s that make up the 0.1 s of a request, with continuous batching."""

BATCH_WAIT_S = 10.0
"""Seconds after which a dynamic batch starts that is not full."""

BATCH = 4
"""Requests of a batch."""

ENGINES: Mapping[Batching, tuple[Engine, StepCost]] = {
    "none": (Engine("none", 1), SSJF_COST),
    "dynamic": (Engine("dynamic", BATCH, batch_wait_s=BATCH_WAIT_S), SSJF_COST),
    "continuous": (Engine("continuous", BATCH, step_tokens=1 << 30), StepCost(step_s=0.02)),
}
"""By batching: the engine and its cost. A continuous batch computes prompts of any length in one
step, since their cost model knows no prompt tokens."""

PREDICTORS = {
    "3 classes": "classes:predicted_class_of_3",
    "5 classes": "classes:predicted_class_of_5",
    "oracle": "oracle",
}
"""Where each predictor's lengths come from, as `Predictor.from_text` reads it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How requests come.

    Args:
        name: Its name in the tables.
        rate_per_s: Mean requests that arrive per second, above 0.
        arrivals: Draws the times of arrival at that rate.
    """

    name: str
    rate_per_s: float
    arrivals: ArrivalProcess


def sorted_gaps(cv: float) -> ArrivalProcess:
    """Gamma gaps from the shortest to the longest, as the authors' code has them.

    Most requests so come at once, and the last ones long after.
    """

    def arrivals(rate_per_s: float, count: int, rng: np.random.Generator) -> FloatArray:
        arrival_s = gamma_arrivals_s(rate_per_s, cv, count, rng)
        return np.cumsum(np.sort(np.diff(arrival_s, prepend=0.0)))

    return arrivals


def scenarios(data: Path) -> list[Scenario]:
    """The published rates and variations, and both traces at their own rate."""
    found = [Scenario(f"Poisson {r:g}/s", r, gamma_arrivals(1.0)) for r in (0.2, 1.0, 3.0, 10.0)]
    found += [Scenario(f"gamma 0.03/s, CV {cv:g}", 0.03, gamma_arrivals(cv)) for cv in (2.0, 5.5)]
    found += [
        Scenario(f"gamma 0.03/s, CV {cv:g}, sorted", 0.03, sorted_gaps(cv)) for cv in (2.0, 5.5)
    ]
    for name, file in TRACES.items():
        timestamp_s = LengthTable.from_file(data / file).timestamp_s
        assert timestamp_s is not None, f"{file} has no times"  # noqa: S101  they are traces
        rate = (len(timestamp_s) - 1) / float(timestamp_s[-1] - timestamp_s[0])
        found.append(Scenario(f"{name} {rate:.1f}/s", rate, trace_arrivals(timestamp_s)))
    return found


def workloads(data: Path) -> dict[str, Workload]:
    """The authors' test set, with the lengths that each predictor gives."""
    made: dict[str, Workload] = {}
    for name, kind in PREDICTORS.items():
        predictor = Predictor.from_text(kind)
        table = LengthTable.from_file(data / PREDICTIONS, predicted_column=predictor.column)
        predicted = predictor.predict(table)
        made[name] = Workload(table, gamma_arrivals(1.0), predicted.tokens, predicted.distributions)
    return made


@dataclass(frozen=True, slots=True)
class SsjfRow:
    """One line of the table."""

    batching: Batching
    arrivals: str
    jobs: int
    runs: int
    policy: str
    comparison: Comparison

    def to_dict(self) -> dict[str, str | int | float]:
        """As JSON."""
        names = ("batching", "arrivals", "jobs", "runs", "policy")
        return {name: getattr(self, name) for name in names} | self.comparison.to_dict()


def compare(
    predicted: Mapping[str, Workload],
    scenario: Scenario,
    batching: Batching,
    *,
    jobs: int,
    runs: int,
    unruled: Sequence[str] = ("5 classes",),
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[SsjfRow]:
    """SSJF by each predictor against FCFS, for some also without its starvation rule.

    Args:
        predicted: The workload with each predictor's lengths, "oracle" among them.
        scenario: The rate and the times at which requests arrive.
        batching: How requests share a step, a key of ENGINES.
        jobs: Requests drawn for each run, at least 1.
        runs: Number of runs, with the seeds from 0.
        unruled: Predictors by which shortest first is also run without the rule.
        on_progress: Called with the number of requests simulated since the last call.
    """
    engine, cost = ENGINES[batching]
    serve = partial(_serve, engine=engine, cost=cost, on_progress=on_progress)
    drawn = {
        name: [replace(workload, arrivals=scenario.arrivals).draw(jobs, scenario.rate_per_s, seed)
               for seed in range(runs)]
        for name, workload in predicted.items()
    }  # fmt: skip
    fcfs = serve(drawn["oracle"], FcfsPolicy)
    service_time = cost.service_time_model(engine.slots)
    overhead_s = SSJF_COST.prefill_step_s
    ssjf = partial(StarvationPolicy, service_time, overhead_s=overhead_s)
    plain = partial(RulePolicy, ShortestRule(), service_time)
    policies: list[tuple[str, str, Callable[[], Policy]]] = [
        *((f"SSJF {name}", name, ssjf) for name in predicted),
        *((f"{name}, no rule", name, plain) for name in unruled),
    ]
    for title, name, make in policies:
        comparison = Comparison.from_runs(serve(drawn[name], make), fcfs)
        yield SsjfRow(batching, scenario.name, jobs, runs, title, comparison)


def _serve(
    drawn: Sequence[Requests],
    make: Callable[[], Policy],
    *,
    engine: Engine,
    cost: StepCost,
    on_progress: Callable[[int], None] | None,
) -> list[SimulationResult]:
    results: list[SimulationResult] = []
    for requests in drawn:
        results.append(simulate(_with_overhead(requests, engine), make(), engine, cost))
        if on_progress is not None:
            on_progress(len(requests))
    return results


def _with_overhead(requests: Requests, engine: Engine) -> Requests:
    if engine.batching != "continuous":
        return requests
    return replace(requests, output_tokens=requests.output_tokens + OVERHEAD_STEPS)

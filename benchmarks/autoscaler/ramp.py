"""llm-d's published ramp: two to ten requests a second of 4,000 tokens in and 1,000 out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.slo import Slo
from benchmarks.autoscaler.frontier import Point
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table
from serving_sim.fleet.contenders import FleetSetting
from serving_sim.fleet.experiment import FleetWorkload, compare
from serving_sim.fleet.result import FleetSummary
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictions import learnt_distributions
from serving_sim.workload.requests import FloatArray, IntArray, Requests
from serving_sim.workload.workload import Workload, gamma_arrivals

STAGES = ((2, 330), (4, 360), (6, 360), (8, 360), (10, 360), (4, 360), (1, 300))
"""Requests per second, and seconds, of each stage in turn: its arrivals are evenly spaced."""

INPUT = (4_000, 300, 3_500, 4_500)
OUTPUT = (1_000, 80, 900, 1_100)
"""Tokens: mean, standard deviation, and the least and the most."""

LEAST, MOST = 3, 8
"""Replicas."""

PUBLISHED_ATTAINMENT, PUBLISHED_REPLICAS = 0.958, 5.93
"""Of llm-d's own rule, on real H100s."""

SLO = Slo(ttft_s=3.0, itl_s=0.1)

ENGINE = InstanceCapacity(
    slots=68, step_s=0.015, sequence_s=0.00025, prefill_token_s=5e-5, start_up_s=100.0
)
"""Assumed of Qwen3-32B on two H100s. A step reads 64 GB of weights and, for each sequence, the
1.2 GB of keys and values of 4,500 tokens, at 70 % of 6.7 TB/s; 68 sequences fill the 80 GB that are
left; a prompt takes 64 GFLOP a token at 65 % of 2 PFLOP/s. One instance then gives 1.49 requests/s:
llm-d saw its own settle at 1.4 to 1.5."""

PROMPT_TOKENS = INPUT[0] / OUTPUT[0]
"""Of a prompt, that come with each token of an answer."""

ASSUMED = InstanceCapacity(
    ENGINE.slots,
    ENGINE.step_s,
    ENGINE.sequence_s + PROMPT_TOKENS * ENGINE.prefill_token_s,
    ENGINE.prefill_token_s,
    ENGINE.start_up_s,
)
"""What our decision is told: prompts hold up all that run, in proportion to the batch."""

SWEEPS: Mapping[str, Sequence[str]] = {
    "static": [f"static:{n}" for n in (5, 6, 7, 8)],
    "llm-d's rule on latency": [f"latency:{n}" for n in (0.7, 0.55, 0.45, 0.4, 0.35)],
    "HPA on utilisation": [f"utilisation:{n}" for n in (0.8, 0.7, 0.6, 0.5)],
    "KEDA on requests": [f"requests:{n}" for n in (60, 55, 50, 45, 40)],
    "Chiron": [f"chiron:{n}" for n in (0.8, 0.7, 0.6, 0.5)],
    "+ predictions": [f"predicted:{n}" for n in (1, 0.95, 0.85, 0.75)],
    "nothing kept for bursts": [f"no-headroom:{n}" for n in (1, 0.95, 0.9, 0.85, 0.8, 0.75)],
}


@dataclass(frozen=True, slots=True)
class RampArrivals:
    """Requests in stages of constant rates; `count` and `rate_per_s` are the stages' own.

    Args:
        rows: Of each length that is drawn from.
    """

    rows: int = 20_000

    def draw(self, count: int, rate_per_s: float, seed: int) -> Requests:
        """All stages, one after the other; a share of each where fewer requests are asked for."""
        del rate_per_s
        share = count / REQUESTS
        starts_s = np.cumsum([0.0, *(share * seconds for _, seconds in STAGES)])
        arrival_s = np.concatenate(
            [
                start_s + np.arange(round(rate * seconds * share)) / rate
                for start_s, (rate, seconds) in zip(starts_s.tolist(), STAGES, strict=False)
            ]
        )
        rng = np.random.default_rng(seed)
        inputs, outputs = (_lengths(len(arrival_s), told, rng) for told in (INPUT, OUTPUT))
        # Nobody can foretell a random length: what is known of each is the distribution of all.
        typical = np.full(len(outputs), float(OUTPUT[0]))
        return Requests(
            arrival_s, inputs, outputs, typical, learnt_distributions(typical, outputs, typical)
        )


REQUESTS = sum(rate * seconds for rate, seconds in STAGES)
"""Of the whole ramp."""


def ramp_table(count: int, seeds: Sequence[int]) -> Table:
    """Each policy over its own number, beside what llm-d published."""
    names = [name for family in SWEEPS.values() for name in family]
    rows: dict[str, list[tuple[FleetSummary, float]]] = {name: [] for name in names}
    setting = FleetSetting(ENGINE, SLO, LEAST, MOST, quota=MOST, assumed=ASSUMED)
    for run in compare(_workload(count), names, setting, seeds=seeds):
        span_s = float(run.result.completed_s.max())
        replicas = run.summary.instance_hours * 3_600 / span_s
        rows[run.summary.policy].append((run.summary, replicas))
    found = [
        _row(family, name, rows[name]) for family, settings in SWEEPS.items() for name in settings
    ]
    published: Row = {
        "family": "llm-d, published",
        "policy": "on real H100s",
        "attainment": 100 * PUBLISHED_ATTAINMENT,
        "replicas": PUBLISHED_REPLICAS,
        "p99_ttft_s": None,
        "actions": None,
    }
    return Table(
        "ramp",
        "llm-d's ramp, 3 to 8 replicas",
        (
            Column("family", "policy"),
            Column("policy", "setting"),
            Column("attainment", "both SLOs, %", "{:.2f}", with_range=True),
            Column("replicas", "mean replicas", "{:.2f}", with_range=True),
            Column("p99_ttft_s", "p99 TTFT, s", "{:.1f}"),
            Column("actions", "scaling actions", "{:.0f}"),
        ),
        [published, *found],
    )


def ramp_notes() -> list[str]:
    """What is assumed."""
    return [
        "Virtual time. 12,480 requests; first token within 3 s and 100 ms between tokens; an "
        "instance serves 100 s after it was asked for; decisions every 15 s. Replicas are averaged "
        "until the last answer ends; llm-d's average goes on until the pool is back at 3.",
        "The engine is assumed (Qwen3-32B on two H100s): 68 requests at once, 15 ms a step and "
        "0.25 ms for each sequence, 50 us a prompt token, so that an instance gives 1.49 "
        "requests/s; llm-d reports that its own settles at 1.4 to 1.5. Prompts are not chunked.",
        "llm-d's rule is run with its published numbers on the same assumed engine (0.55 is its "
        "setting), on latencies seen rather than predicted.",
        "Lengths cannot be foretold there (random text), so predictions are their distribution.",
    ]


def _workload(count: int) -> FleetWorkload:
    table = LengthTable(np.ones(1, np.int64), np.ones(1, np.int64))
    nobody = Workload(table, gamma_arrivals(1.0), np.ones(1))
    return FleetWorkload(RampArrivals(), nobody, count, 1.0, batch_share=0.0)


def _lengths(count: int, told: tuple[int, int, int, int], rng: np.random.Generator) -> IntArray:
    mean, sd, least, most = told
    drawn: FloatArray = rng.normal(mean, sd, count)
    return np.clip(np.rint(drawn), least, most).astype(np.int64)


def _row(family: str, name: str, runs: Sequence[tuple[FleetSummary, float]]) -> Row:
    point = Point(family, name, [summary for summary, _ in runs])
    return {
        "family": family,
        "policy": name,
        "attainment": point.percent("interactive_attainment"),
        "replicas": Spread.from_values([replicas for _, replicas in runs]),
        "p99_ttft_s": point.spread("p99_ttft_s"),
        "actions": point.spread("actions"),
    }

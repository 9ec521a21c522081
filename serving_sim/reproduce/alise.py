"""ALISE's headline (Zhao and Wang 2024, arXiv 2410.23537): the rate served at equal latency.

Normalised latency (completion time over output tokens) against the request rate, for OPT-13B as a
profile, with lengths like Alpaca's and ShareGPT's. Memory for keys and values is what runs out, as
in their setting. All but the oracle get noisy lengths of one Kendall tau-b.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from serving_sim.engine.engine import Engine, KvSwap
from serving_sim.engine.profile import Profile
from serving_sim.experiment import requests_per_s
from serving_sim.policies.alise import AlisePolicy
from serving_sim.policies.policy import Policy
from serving_sim.policies.registry import ORACLE, PolicyChoice
from serving_sim.result import Summary
from serving_sim.simulate import simulate
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.workload import Workload, gamma_arrivals

PROFILE = "opt-13b-a100-40gb"
"""OPT-13B on an A100 of 40 GB: derived from published figures, not measured."""

SETS = {
    "Alpaca": "alpaca_davinci003.jsonl.gz",
    "ShareGPT": "lengths_only_sharegpt_nanoflow.csv.gz",
}
"""Files with the lengths of prompts and answers, by the name of the set in the tables."""

TAU = 0.6
"""Kendall tau-b of predictions and truth: about that of the trained index on the Vicuna set."""

SLOTS = 256
"""More than memory holds requests for, so that memory is what runs out."""

CPU_BYTES = 64e9
"""The CPU's memory for swapped requests: some 80,000 tokens raw, twice as many in 8 bits."""

QUANTISE_S_PER_TOKEN = 2e-6
"""To read 800 KB and write half of it at 1,555 GB/s takes 0.8 microseconds; with a margin."""

REQUESTS = {"Alpaca": 8_000, "ShareGPT": 2_000}
"""Of a run: minutes of traffic either way."""

LOADS = (0.8, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
"""Rates over what FCFS serves when saturated."""

LIMITS_S = (0.05, 0.1, 0.2, 0.5)
"""Normalised latencies at which rates are compared."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy with the way in which its engine preempts.

    Args:
        name: Its name in the tables.
        policy: A policy of the registry.
        swap: How preempted requests are swapped; None: they are computed again.
        aging: ALISE's; False for the ablation.
    """

    name: str
    policy: str
    swap: KvSwap | None = None
    aging: bool = True

    def make(self, profile: Profile, engine: Engine) -> Policy:
        """A policy of its own state."""
        if self.policy == "alise" and not self.aging:
            return AlisePolicy(profile.cost.service_time_model(SLOTS), aging_s=math.inf)
        return PolicyChoice(self.policy).make(profile.cost, engine)


def variants(profile: Profile) -> list[Variant]:
    """VLLM's FCFS, ALISE and what it is without each of its parts, oracles, and ours."""
    assert profile.kv_bytes_per_token is not None  # noqa: S101  it is shipped with it
    assert profile.link_bytes_per_s is not None  # noqa: S101  as above
    full = KvSwap(
        profile.kv_bytes_per_token,
        profile.link_bytes_per_s,
        cpu_bytes=CPU_BYTES,
        bits=8,
        quantise_s_per_token=QUANTISE_S_PER_TOKEN,
        overlapped=True,
        lazy=True,
    )
    return [
        Variant("FCFS", "fcfs"),
        Variant("ALISE", "alise", full),
        Variant("ALISE without aging", "alise", full, aging=False),
        Variant("ALISE without EWT", "alise", replace(full, lazy=False, overlapped=False)),
        Variant("ALISE without 8 bits", "alise", replace(full, bits=16)),
        Variant("ALISE, recomputing", "alise"),
        Variant("ALISE, oracle", "oracle-alise", full),
        Variant("shortest first", "sjf"),
        Variant("shortest first, oracle", "oracle-sjf"),
        Variant("SRPT, oracle, swapping", "oracle-srpt", full),
        Variant("Lengthwise", "lengthwise"),
        Variant("Lengthwise, by what remains", "lengthwise-remaining", full),
    ]


def workload(data: Path, name: str, profile: Profile) -> Workload:
    """Lengths of one of SETS, Poisson arrivals, noisy predictions."""
    table = LengthTable.from_file(data / SETS[name]).within(profile.max_model_tokens)
    predicted = Predictor("noise", str(TAU)).predict(table)
    return Workload(table, gamma_arrivals(1.0), predicted.tokens, predicted.distributions)


@dataclass(frozen=True, slots=True)
class AliseRow:
    """One point of a curve; means over seeds.

    Args:
        lengths: The set of lengths, a name in SETS.
        variant: Its name, one of those that `variants` makes.
        load: Offered, over what FCFS serves when saturated.
        rate_per_s: Mean requests that arrive per second: `load` in absolute terms.
        s_per_token: Mean of completion time over output tokens (normalised latency), in seconds.
        mean_jct_s: Mean job completion time, from arrival to the last token.
        p99_jct_s: 99th percentile of the completion times.
        max_wait_s: Longest wait for a first token.
        tokens_per_s: Tokens generated per second, from the first arrival to the last completion.
        preemptions: Mean number of preemptions of a request.
    """

    lengths: str
    variant: str
    load: float
    rate_per_s: float
    s_per_token: float
    mean_jct_s: float
    p99_jct_s: float
    max_wait_s: float
    tokens_per_s: float
    preemptions: float

    def to_dict(self) -> dict[str, str | float]:
        """As JSON."""
        return asdict(self)


def curves(
    data: Path,
    lengths: str,
    *,
    requests: int,
    seeds: int,
    loads: Sequence[float] = LOADS,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[AliseRow]:
    """Every variant at every rate."""
    bench = _Bench.from_data(data, lengths, requests)
    for load in loads:
        for variant in variants(bench.profile):
            rows: list[Summary] = []
            for seed in range(seeds):
                rows.append(bench.run(variant, load, seed))
                if on_progress is not None:
                    on_progress(requests)
            yield _row(lengths, variant.name, load, load * bench.capacity_per_s, rows)


@dataclass(frozen=True, slots=True)
class _Bench:
    profile: Profile
    engine: Engine
    drawn_from: Workload
    requests: int
    capacity_per_s: float

    @classmethod
    def from_data(cls, data: Path, lengths: str, requests: int) -> "_Bench":
        profile = Profile.from_name(PROFILE)
        engine = Engine(
            "continuous", SLOTS, kv_blocks=profile.kv_blocks, block_tokens=profile.block_tokens
        )
        drawn_from = workload(data, lengths, profile)
        typical = drawn_from.draw(requests, math.inf, 0)
        capacity_per_s = requests_per_s(typical, engine, profile.cost)
        return cls(profile, engine, drawn_from, requests, capacity_per_s)

    def run(self, variant: Variant, load: float, seed: int) -> Summary:
        requests = self.drawn_from.draw(self.requests, load * self.capacity_per_s, seed)
        if variant.policy.startswith(ORACLE):
            requests = requests.with_predictions(requests.output_tokens.astype(np.float64))
        engine = replace(self.engine, swap=variant.swap)
        policy = variant.make(self.profile, engine)
        result = simulate(requests, policy, engine, self.profile.cost)
        return Summary.from_result(
            result,
            policy=variant.name,
            batching=engine.batching,
            slots=engine.slots,
            load=load,
            seed=seed,
        )


def _row(
    lengths: str, variant: str, load: float, rate_per_s: float, rows: Sequence[Summary]
) -> AliseRow:
    def mean(name: str) -> float:
        return float(np.mean([getattr(row, name) for row in rows]))

    return AliseRow(
        lengths,
        variant,
        load,
        rate_per_s,
        s_per_token=mean("mean_s_per_token"),
        mean_jct_s=mean("mean_jct_s"),
        p99_jct_s=mean("p99_jct_s"),
        max_wait_s=mean("max_wait_s"),
        tokens_per_s=mean("tokens_per_s"),
        preemptions=mean("preemptions") / rows[0].requests,
    )


def rate_at(rows: Sequence[AliseRow], variant: str, limit_s: float) -> float | None:
    """The highest rate whose normalised latency stays within a limit, between points measured.

    Returns:
        Requests per second; None if it is exceeded at the lowest rate, or never.
    """
    curve = sorted((row.rate_per_s, row.s_per_token) for row in rows if row.variant == variant)
    rates, values = np.array(curve).T
    above = np.flatnonzero(values > limit_s)
    if len(above) == 0 or above[0] == 0:
        return None
    end = int(above[0])
    share = (limit_s - values[end - 1]) / (values[end] - values[end - 1])
    return float(rates[end - 1] + share * (rates[end] - rates[end - 1]))


def rate_ratios(rows: Sequence[AliseRow]) -> list[Mapping[str, str | float | None]]:
    """For each variant and limit, its rate over that of FCFS."""
    found: list[Mapping[str, str | float | None]] = []
    for lengths in dict.fromkeys(row.lengths for row in rows):
        of_set = [row for row in rows if row.lengths == lengths]
        for variant in dict.fromkeys(row.variant for row in of_set):
            ratios: dict[str, str | float | None] = {"lengths": lengths, "variant": variant}
            for limit_s in LIMITS_S:
                rate, base = (rate_at(of_set, name, limit_s) for name in (variant, "FCFS"))
                ratios[f"at_{limit_s:g}"] = rate / base if rate and base else None
            found.append(ratios)
    return found

"""Requests for comparing rules: real lengths, arrivals drawn or of a real trace, noisy predictions.

The predictions are drawn rather than made: what a predictor of a given Kendall tau-b would say, so
that the comparison does not hang on one trained model. A predictor sees a hint of the length, a
normal variable correlated with that of the length's own rank, and says the distribution of the
lengths that have this hint.
"""

import csv
import gzip
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from benchmarks.workloads import VICUNA, read_records
from lengthwise.length_distribution import LengthDistribution
from serving_sim.engine.cost_model import StepCost
from serving_sim.workload.arrivals import gamma_arrivals_s, scaled_arrivals_s
from serving_sim.workload.requests import Distributions, Requests

FloatArray = npt.NDArray[np.float64]

TAU = 0.61
"""Of the trained encoder with neighbours, on the Vicuna set."""

COST = StepCost(step_s=0.02, prefill_token_s=2e-5)
"""SSJF's 20 ms per token (Qiu et al. 2024), and prefill at 50,000 tokens a second."""

INPUT_TOKENS = 100
HINTS = 40
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
LMSYS = "ssjf_lmsys_vicuna13b_predictions"
TRACE = "trace_azure2023_code"
ARRIVALS = ("poisson", "gamma, CV 3", "Azure code")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is served.

    Args:
        lengths: Name of the set.
        arrivals: One of ARRIVALS.
        slots: Requests that run at once.
        load: Offered, over what the engine can serve.
        requests: How many.
    """

    lengths: str
    arrivals: str
    slots: int
    load: float
    requests: int


class PredictedLengths:
    """Lengths, and what a predictor of a given tau-b would say of them.

    Args:
        output_tokens: Real lengths, at least two.
        tau: Kendall tau-b between predictions and lengths, in (0, 1).
    """

    def __init__(self, output_tokens: npt.NDArray[Any], tau: float = TAU) -> None:
        self._sorted = np.sort(output_tokens).astype(float)
        self._places = (np.arange(len(output_tokens)) + 0.5) / len(output_tokens)
        # Of two normal variables of correlation r, tau-b is 2 / pi * arcsin(r).
        self._correlation = math.sin(tau * math.pi / 2)
        self._spread = math.sqrt(1 - self._correlation**2)
        self.mean_tokens = float(output_tokens.mean())
        hints = ndtri((np.arange(HINTS) + 0.5) / HINTS)
        self._distributions = [
            LengthDistribution.from_quantiles(
                LEVELS, [float(self._quantile(hint, level)) for level in LEVELS]
            )
            for hint in hints
        ]

    def draw(
        self, count: int, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], FloatArray, Distributions]:
        """Lengths, their predicted means, and the distributions predicted."""
        rows = rng.integers(0, len(self._sorted), count)
        noise = self._spread * rng.standard_normal(count)
        hints = self._correlation * ndtri(self._places[rows]) + noise
        levels = (np.arange(21) + 0.5) / 21
        means = np.mean([self._quantile(hints, level) for level in levels], axis=0)
        which = np.minimum((ndtr(hints) * HINTS).astype(int), HINTS - 1)
        outputs = np.maximum(1, self._sorted[rows]).astype(np.int64)
        return outputs, means, Distributions(self._distributions, which)

    def _quantile(self, hint: Any, level: float) -> Any:
        """Of the lengths that have a hint."""
        normal = self._correlation * hint + self._spread * ndtri(level)
        return np.interp(ndtr(normal), self._places, self._sorted)


class Workloads:
    """Makes the requests of scenarios.

    Args:
        data: Folder of the real sets.

    Raises:
        FileNotFoundError: A set is missing.
    """

    def __init__(self, data: Path) -> None:
        vicuna = [record.output_tokens for record in read_records(data, VICUNA)]
        self._lengths = {
            VICUNA: PredictedLengths(np.array(vicuna)),
            LMSYS: PredictedLengths(_column(data / f"{LMSYS}.csv.gz", "output_tokens")),
        }
        self._trace_s = np.sort(_column(data / f"{TRACE}.csv.gz", "timestamp_s"))

    def requests(self, scenario: Scenario, seed: int) -> Requests:
        """The requests of a scenario, the same for a seed."""
        rng = np.random.default_rng(seed)
        lengths = self._lengths[scenario.lengths]
        outputs, predicted, distributions = lengths.draw(scenario.requests, rng)
        rate_per_s = scenario.load / _slot_s(lengths.mean_tokens, scenario.slots)
        arrival_s = self._arrival_s(scenario, rate_per_s, rng)
        inputs = np.full(scenario.requests, INPUT_TOKENS)
        return Requests(arrival_s, inputs, outputs, predicted, distributions)

    def _arrival_s(
        self, scenario: Scenario, rate_per_s: float, rng: np.random.Generator
    ) -> FloatArray:
        if scenario.arrivals == "Azure code":
            start = int(rng.integers(0, len(self._trace_s) - 1))
            arrival_s = scaled_arrivals_s(self._trace_s, 1.0, scenario.requests, start)
            # A stretch of so bursty a trace has a rate of its own: the load is that of the stretch.
            return arrival_s * scenario.requests / (arrival_s[-1] * rate_per_s)
        cv = 1.0 if scenario.arrivals == "poisson" else 3.0
        return gamma_arrivals_s(rate_per_s, cv, scenario.requests, rng)


def _slot_s(mean_tokens: float, slots: int) -> float:
    """The time of a full engine that a request takes, on average."""
    return mean_tokens * COST.step_s / slots + INPUT_TOKENS * COST.prefill_token_s


def _column(path: Path, name: str) -> FloatArray:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return np.array([float(row[name]) for row in csv.DictReader(file)])

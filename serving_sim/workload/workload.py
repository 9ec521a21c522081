"""What is asked, and when: drawn anew with every seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.arrivals import gamma_arrivals_s, paired_arrivals_s, scaled_arrivals_s
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.requests import Distributions, FloatArray, IntArray, Requests

ArrivalProcess = Callable[[float, int, np.random.Generator], FloatArray]
"""Rate per second, count and source of chance: arrival times, ascending."""


def gamma_arrivals(cv: float) -> ArrivalProcess:
    """Gaps of this coefficient of variation; 1 is Poisson."""
    return lambda rate_per_s, count, rng: gamma_arrivals_s(rate_per_s, cv, count, rng)


def trace_arrivals(timestamp_s: FloatArray) -> ArrivalProcess:
    """A trace's gaps, in proportion, from a place that the seed says."""

    def arrivals(rate_per_s: float, count: int, rng: np.random.Generator) -> FloatArray:
        start = int(rng.integers(len(timestamp_s)))
        return scaled_arrivals_s(timestamp_s, rate_per_s, count, start)

    return arrivals


@dataclass(frozen=True, slots=True)
class Workload:
    """Where requests are drawn from.

    Args:
        lengths: Drawn without replacement while there are enough.
        arrivals: Draws the times of arrival.
        predicted_tokens: Shape (rows,): what is predicted of each row.
        distributions: Of the predicted lengths, by row.
        ordered: Rows come in the table's order, from a place that the seed says, as they belong to
            a trace.
    """

    lengths: LengthTable
    arrivals: ArrivalProcess
    predicted_tokens: FloatArray
    distributions: Distributions | None = None
    ordered: bool = False

    def draw(self, count: int, rate_per_s: float, seed: int) -> Requests:
        """Requests in the order of their arrival; the same seed gives the same ones.

        Args:
            count: Number of requests, at least 1.
            rate_per_s: On average; infinity for all at once.
            seed: Of the draw and the arrivals.

        Raises:
            InvalidWorkloadError: If a number is out of range.
        """
        if count < 1:
            raise InvalidWorkloadError(f"{count} requests: expected at least 1")
        rng = np.random.default_rng(seed)
        rows = self._rows(count, rng)
        table = self.lengths
        return Requests(
            self._arrivals_of(rows, rate_per_s, rng),
            table.input_tokens[rows],
            table.output_tokens[rows],
            self.predicted_tokens[rows],
            self.distributions.take(rows) if self.distributions else None,
        )

    def _arrivals_of(
        self, rows: IntArray, rate_per_s: float, rng: np.random.Generator
    ) -> FloatArray:
        """Arrivals of some rows: their own, where they are a trace's."""
        own_s = self.lengths.timestamp_s
        if self.ordered and own_s is not None:
            return paired_arrivals_s(own_s, rate_per_s, rows)
        return self.arrivals(rate_per_s, len(rows), rng)

    def _rows(self, count: int, rng: np.random.Generator) -> IntArray:
        available = len(self.lengths)
        if self.ordered:
            return (int(rng.integers(available)) + np.arange(count)) % available
        return rng.choice(available, count, replace=count > available)

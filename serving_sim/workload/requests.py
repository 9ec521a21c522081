"""What comes to the engine: arrivals, lengths, and what is predicted of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lengthwise.length_distribution import LengthDistribution
from serving_sim.errors import InvalidWorkloadError
from serving_sim.job import Job

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CHUNK = 4096
"""Requests that become objects at a time: the rest stay numbers."""


class Distributions:
    """Distributions of predicted lengths, shared by the requests with the same prediction.

    Args:
        shared: The distributions that there are.
        which: Shape (requests,): each request's place among them.
    """

    def __init__(self, shared: Sequence[LengthDistribution], which: npt.NDArray[Any]) -> None:
        self.shared = shared
        self.which = which

    def __getitem__(self, index: int) -> LengthDistribution:
        return self.shared[self.which[index]]

    @classmethod
    def joined(cls, parts: Sequence["Distributions"]) -> "Distributions":
        """Those of several lots of requests, one lot after another."""
        starts = np.cumsum([0, *(len(part.shared) for part in parts)])[:-1]
        which = [part.which + start for part, start in zip(parts, starts.tolist(), strict=True)]
        return cls([one for part in parts for one in part.shared], np.concatenate(which))

    def take(self, rows: IntArray) -> "Distributions":
        """Those of some requests, in another order."""
        return Distributions(self.shared, self.which[rows])


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in the order of their arrival, as columns.

    Args:
        arrival_s: Shape (requests,): seconds of virtual time, ascending.
        input_tokens: Shape (requests,), at least 1.
        output_tokens: Shape (requests,): the truth, at least 1.
        predicted_tokens: Shape (requests,): at least 0.
        distributions: Of the predicted lengths, by request; None where there are none.

    Raises:
        InvalidWorkloadError: If the columns differ in length, or hold what cannot be.
    """

    arrival_s: FloatArray
    input_tokens: IntArray
    output_tokens: IntArray
    predicted_tokens: FloatArray
    distributions: Distributions | None = None

    def __post_init__(self) -> None:
        rows = len(self.arrival_s)
        columns = (self.input_tokens, self.output_tokens, self.predicted_tokens)
        if rows == 0 or any(len(column) != rows for column in columns):
            raise InvalidWorkloadError(
                f"{rows} arrivals for {', '.join(str(len(column)) for column in columns)} input, "
                "output and predicted tokens: expected as many of each, at least 1"
            )
        if not np.isfinite(self.arrival_s).all() or (np.diff(self.arrival_s) < 0).any():
            raise InvalidWorkloadError("arrival_s does not ascend: expected finite times in order")
        if self.input_tokens.min() < 1 or self.output_tokens.min() < 1:
            raise InvalidWorkloadError("a request has no input or no output tokens: expected 1")
        if not (self.predicted_tokens >= 0).all():
            raise InvalidWorkloadError("a predicted length is negative or not a number")

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def span_s(self) -> float:
        """From the first arrival to the last."""
        return float(self.arrival_s[-1] - self.arrival_s[0])

    def with_predictions(
        self, predicted_tokens: FloatArray, distributions: Distributions | None = None
    ) -> "Requests":
        """The same requests with other predictions."""
        return replace(self, predicted_tokens=predicted_tokens, distributions=distributions)

    def jobs(self) -> Iterator[Job]:
        """Each request as a job, made when it is asked for."""
        for start in range(0, len(self), CHUNK):
            rows = slice(start, start + CHUNK)
            columns = (self.arrival_s, self.input_tokens, self.output_tokens, self.predicted_tokens)
            chunk = zip(*(column[rows].tolist() for column in columns), strict=True)
            for index, (arrival_s, inputs, outputs, predicted) in enumerate(chunk, start):
                distribution = self.distributions[index] if self.distributions else None
                yield Job(index, arrival_s, inputs, outputs, predicted, distribution)

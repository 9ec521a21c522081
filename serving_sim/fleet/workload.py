"""What comes to a fleet: requests of two classes with their deadlines."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt

from autoscaler.core.slo import RequestClass, Slo
from serving_sim.errors import InvalidWorkloadError
from serving_sim.fleet.job import FleetJob
from serving_sim.workload.requests import Distributions, FloatArray, IntArray, Requests

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FleetRequests:
    """Requests of both classes in the order of their arrival.

    Args:
        requests: Arrivals, lengths and predictions of both classes.
        batch: Shape (requests,): whether each is a batch request.
        due_s: Shape (requests,): when the first token (interactive) or the last (batch) is due.
        predicted_until_s: When the predictor goes: who comes later has no distribution, and the
            mean of all requests for a predicted length.

    Raises:
        InvalidWorkloadError: If the columns differ in length.
    """

    requests: Requests
    batch: BoolArray
    due_s: FloatArray
    predicted_until_s: float = math.inf

    def __post_init__(self) -> None:
        rows = len(self.requests)
        if len(self.batch) != rows or len(self.due_s) != rows:
            raise InvalidWorkloadError(
                f"{len(self.batch)} classes and {len(self.due_s)} deadlines for {rows} requests: "
                "expected as many of each"
            )

    def __len__(self) -> int:
        return len(self.requests)

    @classmethod
    def from_classes(
        cls,
        interactive: Requests,
        batch: Sequence[Requests],
        deadline_s: float | Sequence[float],
        slo: Slo,
    ) -> "FleetRequests":
        """From interactive requests, and batch requests that are each due some time after arrival.

        Args:
            interactive: In the order of their arrival.
            batch: Any number of jobs, each of requests in the order of their arrival.
            deadline_s: Of a batch request, from the first arrival of its job; of several each job
                takes the next in turn.
            slo: Says when first tokens are due.
        """
        parts = [interactive, *batch]
        due = [interactive.arrival_s + slo.ttft_s]
        deadlines = cycle((deadline_s,) if isinstance(deadline_s, int | float) else deadline_s)
        due += [
            np.full(len(job), job.arrival_s[0] + one)
            for job, one in zip(batch, deadlines, strict=False)
        ]
        classes = [np.full(len(part), place > 0) for place, part in enumerate(parts)]
        arrival_s = np.concatenate([part.arrival_s for part in parts])
        order = np.argsort(arrival_s, kind="stable").astype(np.int64)
        joined = Requests(
            arrival_s[order],
            _ordered([part.input_tokens for part in parts], order),
            _ordered([part.output_tokens for part in parts], order),
            np.concatenate([part.predicted_tokens for part in parts])[order],
            _joined([part.distributions for part in parts], order),
        )
        return cls(joined, np.concatenate(classes)[order], np.concatenate(due)[order])

    def jobs(self) -> Iterator[FleetJob]:
        """Each request as a job, made when it is asked for."""
        typical_tokens = float(self.requests.predicted_tokens.mean())
        for job, batch, due_s in zip(
            self.requests.jobs(), self.batch.tolist(), self.due_s.tolist(), strict=True
        ):
            is_predicted = job.arrival_s <= self.predicted_until_s
            yield FleetJob(
                job.index,
                job.arrival_s,
                job.input_tokens,
                job.output_tokens,
                RequestClass.BATCH if batch else RequestClass.INTERACTIVE,
                due_s,
                job.predicted_tokens if is_predicted else typical_tokens,
                job.distribution if is_predicted else None,
            )


def _ordered(columns: Sequence[IntArray], order: IntArray) -> IntArray:
    return np.concatenate(columns)[order]


def _joined(parts: Sequence[Distributions | None], order: IntArray) -> Distributions | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return Distributions.joined(known).take(order)

"""What became of each request."""

from dataclasses import dataclass

import numpy as np

from serving_sim.job import Job
from serving_sim.workload.requests import FloatArray, IntArray, Requests


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """The log of a simulation, as columns in the order of arrival.

    Args:
        requests: That were served.
        started_s: Shape (requests,): when each first ran.
        first_token_s: Shape (requests,).
        completed_s: Shape (requests,).
        ran_s: Shape (requests,): time spent running.
        preemptions: Shape (requests,): how often each was taken off.
        busy_s: Time in which the engine ran anything.
        swapped_tokens: Moved between the GPU and the CPU, both ways together.
    """

    requests: Requests
    started_s: FloatArray
    first_token_s: FloatArray
    completed_s: FloatArray
    ran_s: FloatArray
    preemptions: IntArray
    busy_s: float = 0.0
    swapped_tokens: int = 0

    @property
    def jct_s(self) -> FloatArray:
        """Job completion times: from arrival to the last token."""
        return self.completed_s - self.requests.arrival_s

    @property
    def ttft_s(self) -> FloatArray:
        """Times to first token, from arrival."""
        return self.first_token_s - self.requests.arrival_s

    @property
    def wait_s(self) -> FloatArray:
        """Times spent not running: before the start, and after each preemption."""
        return np.maximum(self.jct_s - self.ran_s, 0.0)

    @property
    def makespan_s(self) -> float:
        """From the first arrival to the last completion."""
        return float(self.completed_s.max() - self.requests.arrival_s[0])


class Recorder:
    """Writes down what completes; a request is then forgotten but for its numbers.

    Args:
        requests: That are served.
    """

    def __init__(self, requests: Requests) -> None:
        rows = len(requests)
        self._requests = requests
        self._times_s = np.full((4, rows), np.nan)
        self._preemptions = np.zeros(rows, np.int64)
        self.completed = 0

    def __call__(self, job: Job) -> None:
        """A request completed."""
        times_s = self._times_s
        index = job.index
        times_s[0, index] = job.started_s
        times_s[1, index] = job.first_token_s
        times_s[2, index] = job.completed_s
        times_s[3, index] = job.ran_s
        if job.preemptions:
            self._preemptions[index] = job.preemptions
        self.completed += 1

    def result(self, busy_s: float, swapped_tokens: int) -> SimulationResult:
        """The log, once all have completed."""
        started_s, first_token_s, completed_s, ran_s = self._times_s
        return SimulationResult(
            self._requests,
            *(started_s, first_token_s, completed_s, ran_s),
            self._preemptions,
            busy_s,
            swapped_tokens,
        )

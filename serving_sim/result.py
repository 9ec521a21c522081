"""What became of each request, and a simulation in one row."""

from dataclasses import asdict, dataclass

import numpy as np

from serving_sim.job import Job
from serving_sim.workload.requests import FloatArray, IntArray, Requests


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """The log of a simulation, as columns in the order of arrival.

    Args:
        requests: The requests that were served.
        started_s: Shape (requests,): when each first ran.
        first_token_s: Shape (requests,): when each first token came.
        completed_s: Shape (requests,): when each last token came.
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
        requests: The requests that are being served.
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
            started_s,
            first_token_s,
            completed_s,
            ran_s,
            self._preemptions,
            busy_s,
            swapped_tokens,
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """What a policy gave; times in seconds.

    Args:
        policy: Its name, as the caller of `from_result` gave it.
        batching: How requests shared a step.
        slots: Requests that ran at once.
        load: Offered, as a share of what the engine can serve.
        seed: Seed that the workload was drawn with.
        requests: Requests of the run, all of which were served.
        mean_jct_s: Mean job completion time, from arrival to the last token.
        p50_jct_s: Median of the completion times.
        p90_jct_s: 90th percentile of the completion times.
        p99_jct_s: 99th percentile of the completion times.
        mean_ttft_s: Mean time to first token, from arrival.
        p99_ttft_s: 99th percentile of the times to first token.
        max_wait_s: Longest time to a first token.
        max_idle_s: Longest time not running: before the start and after preemptions.
        tokens_per_s: Generated, from the first arrival to the last completion.
        mean_s_per_token: Mean of completion time over output tokens (normalised latency).
        preemptions: Number of preemptions, over all requests.
    """

    policy: str
    batching: str
    slots: int
    load: float | None
    seed: int
    requests: int
    mean_jct_s: float
    p50_jct_s: float
    p90_jct_s: float
    p99_jct_s: float
    mean_ttft_s: float
    p99_ttft_s: float
    max_wait_s: float
    max_idle_s: float
    tokens_per_s: float
    mean_s_per_token: float
    preemptions: int

    @classmethod
    def from_result(
        cls,
        result: SimulationResult,
        *,
        policy: str,
        batching: str,
        slots: int,
        load: float | None,
        seed: int,
    ) -> "Summary":
        """Condense a log."""
        jct_s, ttft_s = result.jct_s, result.ttft_s
        p50, p90, p99 = np.percentile(jct_s, (50, 90, 99)).tolist()
        outputs = result.requests.output_tokens
        return cls(
            policy=policy,
            batching=batching,
            slots=slots,
            load=load,
            seed=seed,
            requests=len(jct_s),
            mean_jct_s=float(jct_s.mean()),
            p50_jct_s=p50,
            p90_jct_s=p90,
            p99_jct_s=p99,
            mean_ttft_s=float(ttft_s.mean()),
            p99_ttft_s=float(np.percentile(ttft_s, 99)),
            max_wait_s=float(ttft_s.max()),
            max_idle_s=float(result.wait_s.max()),
            tokens_per_s=float(outputs.sum() / result.makespan_s),
            mean_s_per_token=float((jct_s / outputs).mean()),
            preemptions=int(result.preemptions.sum()),
        )

    def to_dict(self) -> dict[str, str | int | float | None]:
        """As JSON."""
        return asdict(self)

"""A simulation in one row, with the names of the vLLM benchmark's rows."""

from dataclasses import asdict, dataclass

import numpy as np

from serving_sim.result import SimulationResult


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

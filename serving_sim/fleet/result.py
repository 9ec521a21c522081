"""What a fleet gave, and what it cost."""

from dataclasses import asdict, dataclass

import numpy as np

from autoscaler.core.slo import Slo
from serving_sim.fleet.workload import FleetRequests
from serving_sim.workload.requests import FloatArray

LONGEST_SHARE = 0.2
"""The longest fifth of the interactive requests, by their true lengths, is reported apart."""


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The log of a fleet.

    Args:
        served: The requests that came, of both classes.
        started_s: Shape (requests,): when each was first admitted.
        first_token_s: Shape (requests,): when each first token came.
        completed_s: Shape (requests,): when each last token came.
        preemptions: Preemptions of batch requests, over all.
        instance_s: Seconds of all instances together, from when each was asked for.
        most_instances: That there were at once.
        actions: Changes of a pool's size.
        timeline: At each decision: the time, instances ready, starting, and requests that wait.
    """

    served: FleetRequests
    started_s: FloatArray
    first_token_s: FloatArray
    completed_s: FloatArray
    preemptions: int
    instance_s: float
    most_instances: int
    actions: int
    timeline: tuple[tuple[float, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """One simulation in one row.

    Args:
        policy: Name of the scaling policy.
        seed: Seed that the workload was drawn with.
        requests: Requests served, of both classes together.
        interactive_attainment: Share of interactive requests with the first token in time and the
            mean time between tokens within its SLO.
        longest_attainment: The same of the longest fifth of them.
        batch_attainment: Share of batch requests done by their deadline; 1 if there are none.
        p99_ttft_s: 99th percentile of the interactive requests' times to first token.
        instance_hours: Hours of all instances together, starting ones included.
        good_per_instance_hour: Requests of both classes that kept their SLO, for each such hour.
        most_instances: Instances at once, at most.
        actions: Changes of a pool's size.
        preemptions: Preemptions of batch requests, over all of them.
    """

    policy: str
    seed: int
    requests: int
    interactive_attainment: float
    longest_attainment: float
    batch_attainment: float
    p99_ttft_s: float
    instance_hours: float
    good_per_instance_hour: float
    most_instances: int
    actions: int
    preemptions: int

    @classmethod
    def from_result(
        cls, result: FleetResult, slo: Slo, *, policy: str, seed: int
    ) -> "FleetSummary":
        """Condense a log."""
        served = result.served
        outputs = served.requests.output_tokens
        ttft_s = result.first_token_s - served.requests.arrival_s
        itl_s = (result.completed_s - result.first_token_s) / np.maximum(outputs - 1, 1)
        kept = np.where(
            served.batch,
            result.completed_s <= served.due_s,
            (result.first_token_s <= served.due_s) & (itl_s <= slo.itl_s * 1.001),
        )
        asked = ~served.batch
        long = asked & (outputs >= np.quantile(outputs[asked], 1 - LONGEST_SHARE))
        hours = result.instance_s / 3600
        return cls(
            policy=policy,
            seed=seed,
            requests=len(served),
            interactive_attainment=float(kept[asked].mean()),
            longest_attainment=float(kept[long].mean()),
            batch_attainment=float(kept[served.batch].mean()) if served.batch.any() else 1.0,
            p99_ttft_s=float(np.percentile(ttft_s[asked], 99)),
            instance_hours=hours,
            good_per_instance_hour=float(kept.sum() / hours),
            most_instances=result.most_instances,
            actions=result.actions,
            preemptions=result.preemptions,
        )

    def to_dict(self) -> dict[str, str | int | float]:
        """As JSON."""
        return asdict(self)

"""Which pods are to stop when there are too many: those with the least work left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodWork:
    """One pod, as far as it matters when one is to stop.

    Args:
        name: Of the pod, unique in its namespace.
        left_tokens: That its requests are expected to generate yet; None if nobody knows.
        cost: Of its deletion, as it is annotated now; 0 without an annotation.
    """

    name: str
    left_tokens: float | None
    cost: int = 0


def deletion_costs(pods: Sequence[PodWork], surplus: int) -> dict[str, int]:
    """Costs to be written so that a ReplicaSet stops the pods with the least predicted work.

    Kubernetes stops pods of lower cost first, and those without an annotation count as 0. So those
    that are to go get costs below 0, the least work the lowest, and nobody else any: a write is a
    call to the API server, and while nobody is to go there is none. A cost above 0 is somebody
    else's and stays.

    Args:
        pods: All of one pool that are not being deleted.
        surplus: How many of them are too many.

    Returns:
        Costs by pod that differ from those that stand there; 0 means that the annotation goes.
    """
    ours = [pod for pod in pods if pod.cost <= 0]
    order = sorted(ours, key=lambda pod: (_left(pod), pod.name))
    leaving = order[: max(0, surplus)]
    costs = {pod.name: 0 for pod in ours}
    costs |= {pod.name: place - len(leaving) for place, pod in enumerate(leaving)}
    return {pod.name: costs[pod.name] for pod in ours if costs[pod.name] != pod.cost}


def _left(pod: PodWork) -> float:
    """A pod that nobody knows anything of may be the busiest: it goes last."""
    return math.inf if pod.left_tokens is None else pod.left_tokens

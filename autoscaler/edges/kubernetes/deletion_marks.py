"""Before a pool shrinks, its pods are marked so that the least busy ones go."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from autoscaler.core.decision import Decision
from autoscaler.core.deletion import PodWork, deletion_costs
from autoscaler.core.fleet import Pool
from autoscaler.edges.kubernetes.pods import Pod, Pods
from autoscaler.errors import KubernetesError


class DeletionMarks:
    """Writes costs for a decision, before KEDA is told of it.

    A fault is told and changes nothing else: Kubernetes then stops whichever pods it likes.

    Args:
        pods: Lists and marks those of a namespace.
        selectors: Labels of each pool's pods, as kubectl's --selector takes them.
        left_tokens: Tokens that are expected of each engine yet, by its HOST:PORT.
        on_fault: Called with what is wrong, whenever that changes; "" once nothing is.
    """

    def __init__(
        self,
        pods: Pods,
        selectors: Mapping[Pool, str],
        left_tokens: Callable[[], Mapping[str, float]],
        on_fault: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._pods = pods
        self._selectors = selectors
        self._left_tokens = left_tokens
        self._on_fault = on_fault
        self._fault = ""
        # An autoscaler before this one may have left marks: each pool is looked at once.
        self._marked = set(selectors)

    def prepare(self, decision: Decision) -> None:
        """Mark the pods of each pool that is to shrink, and unmark those of one that is not."""
        try:
            for pool, selector in self._selectors.items():
                decided = decision.pools[pool]
                if decided.wanted < decided.current or pool in self._marked:
                    self._mark(pool, selector, decided.wanted)
        except KubernetesError as error:
            self._tell(str(error))
        else:
            self._tell("")

    def _mark(self, pool: Pool, selector: str, wanted: int) -> None:
        pods = self._pods.alive(selector)
        left = self._left_by_host()
        works = [PodWork(pod.name, _left(pod, left), pod.cost) for pod in pods]
        surplus = len(pods) - wanted
        self._marked.add(pool)
        for name, cost in deletion_costs(works, surplus).items():
            self._pods.set_cost(name, cost)
        if surplus <= 0:
            self._marked.discard(pool)

    def _left_by_host(self) -> dict[str, float]:
        """A pod has one address, and maybe several engines behind it."""
        found: dict[str, float] = {}
        for engine, tokens in self._left_tokens().items():
            host = urlsplit(f"//{engine}").hostname or ""
            found[host] = found.get(host, 0.0) + tokens
        return found

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._on_fault(fault)


def _left(pod: Pod, left: Mapping[str, float]) -> float | None:
    return left.get(pod.ip) if pod.ip else None

"""One engine of the deployment, from when it is asked for until it has ended."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Replica:
    """One engine; times in seconds after the start of the run, None before.

    Args:
        port: That it listens on.
        asked_s: When it was asked for: from then on it is paid for.
        ready_s: When it first served.
        draining_s: When it was to stop: from then on it gets no new requests.
        ended_s: When its process had ended.
        outstanding: Requests that it was sent and has not answered.
        held_at_drain: Of these, how many there were when it was to stop.
        failed_while_draining: Requests that failed from then on; none should.
        stop: Set when nothing is outstanding any more: then it is sent SIGTERM.
    """

    port: int
    asked_s: float
    ready_s: float | None = None
    draining_s: float | None = None
    ended_s: float | None = None
    outstanding: int = 0
    held_at_drain: int = 0
    failed_while_draining: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def serves(self) -> bool:
        """Whether it may be sent requests."""
        return self.ready_s is not None and self.draining_s is None

    def drain(self, now_s: float) -> None:
        """No new requests; it stops when those that it has are answered."""
        self.draining_s = now_s
        self.held_at_drain = self.outstanding
        self.stop_if_drained()

    def stop_if_drained(self) -> None:
        """Let it be stopped, if it is to and nothing is outstanding."""
        if self.draining_s is not None and not self.outstanding:
            self.stop.set()


def least_loaded(replicas: Iterable[Replica]) -> Replica | None:
    """The one that serves with the fewest outstanding requests; None if none serves."""
    serving = (replica for replica in replicas if replica.serves)
    return min(serving, key=lambda replica: replica.outstanding, default=None)


def victims(replicas: Iterable[Replica], count: int) -> list[Replica]:
    """Those that stop first: who does not serve yet, then the newest.

    As a ReplicaSet chooses among pods that nobody has marked (pod-deletion-cost).
    """
    staying = [replica for replica in replicas if replica.draining_s is None]
    staying.sort(key=lambda one: (one.ready_s is not None, -one.asked_s))
    return staying[:count]

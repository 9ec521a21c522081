"""Which runs are to be made, and which of them were."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from benchmarks.vllm.policies import Policy
from benchmarks.vllm.rows import BY_ITSELF, JctRow, RunKey

MOST_REQUESTS = 600


def default_requests(slots: int) -> int:
    """So many that a run takes about as long whatever the slots."""
    return min(60 + 30 * (slots - 1), MOST_REQUESTS)


@dataclass(frozen=True, slots=True)
class EngineRuns:
    """Runs that one start of an engine serves.

    Args:
        policy: It runs.
        slots: It has.
        keys: In order.
    """

    policy: Policy
    slots: int
    keys: Sequence[RunKey]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is asked for.

    Args:
        policies: In order; the first is what the others are held against.
        slots: Numbers of requests at once.
        loads: Shares of the capacity.
        seeds: How many, from 0.
        arrivals: As `testbed.workload.named_arrivals` takes them.
        requests: Of each run; None depends on the slots.
        step_ms: The engine's pace for each number of slots.
        ends: What ends the answers, one of ENDS.
    """

    policies: Sequence[Policy]
    slots: Sequence[int]
    loads: Sequence[float]
    seeds: int
    arrivals: str
    requests: int | None
    step_ms: dict[int, float]
    ends: str = BY_ITSELF

    def keys(self, policy: Policy, slots: int) -> list[RunKey]:
        """The runs of a policy; all loads of a seed before the next seed."""
        count = self.requests or default_requests(slots)
        return [
            RunKey(
                policy.name, slots, load, seed, count, self.arrivals, self.step_ms[slots], self.ends
            )
            for seed, load in product(range(self.seeds), self.loads)
        ]

    def all_keys(self) -> list[RunKey]:
        """Every run."""
        pairs = product(self.slots, self.policies)
        return [key for slots, policy in pairs for key in self.keys(policy, slots)]

    def missing(self, rows: Sequence[JctRow]) -> list[EngineRuns]:
        """What is left to run, by engine."""
        done = {row.key for row in rows}
        found: list[EngineRuns] = []
        for slots, policy in product(self.slots, self.policies):
            left = [key for key in self.keys(policy, slots) if key not in done]
            found += [EngineRuns(policy, slots, left)] if left else []
        return found

    def asked_for(self, rows: Sequence[JctRow]) -> list[JctRow]:
        """The rows of this plan, in its order; a file may hold others too."""
        by_key = {row.key: row for row in rows}
        return [by_key[key] for key in self.all_keys() if key in by_key]


def known_capacity(rows: Sequence[JctRow], slots: int, step_ms: float) -> float | None:
    """The capacity that earlier rows stand on; None if there are none.

    All policies must be offered the same load, also those that are run on another day.
    """
    for row in rows:
        if row.slots == slots and row.step_ms == step_ms:
            return row.capacity_tokens_per_s
    return None

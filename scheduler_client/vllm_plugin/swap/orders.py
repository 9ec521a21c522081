"""What passes between the connector's half beside the scheduler and its half in each worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Store:
    """Copy a preempted request out, before anybody writes to its blocks.

    Args:
        request_id: The id that vLLM knows it by.
        ticket: Of this copy: the same request may be preempted again.
        block_ids: On the device, in the order of its tokens.
        tokens: How many are computed; the last block may be partly filled.
        slots: Of the host store, one for each block.
    """

    request_id: str
    ticket: int
    block_ids: Sequence[int]
    tokens: int
    slots: Sequence[int]


@dataclass(frozen=True, slots=True)
class Load:
    """Copy what was stored back into new blocks.

    Args:
        request_id: The id that vLLM knows it by, as in its `Store`.
        ticket: Of the `Store` that made the copy: if a worker holds another, the load fails.
        block_ids: To write to, in the order of its tokens.
        first_block: Of the copy: those before it are in the device's prefix cache still.
        slots: As of its `Store`, all of them.
    """

    request_id: str
    ticket: int
    block_ids: Sequence[int]
    first_block: int
    slots: Sequence[int]


@dataclass(slots=True)
class Orders:
    """Of one step: first all stores, then the step, then all loads."""

    stores: list[Store] = field(default_factory=list[Store])
    loads: list[Load] = field(default_factory=list[Load])


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """What a worker has made ready, told to the scheduler at start-up.

    Args:
        slots: How many its host store has.
        lossy: Whether what comes back differs from what went out.
        trouble: Why it cannot swap; None if it can.
    """

    slots: int = 0
    lossy: bool = False
    trouble: str | None = None


def joined_memory(workers: Sequence[WorkerMemory]) -> WorkerMemory:
    """What all workers can do: their slots have the same numbers, so the smallest store counts."""
    for worker in workers:
        if worker.trouble is not None:
            return worker
    if not workers:
        return WorkerMemory(trouble="no worker told of its memory")
    if len({worker.lossy for worker in workers}) > 1:
        return WorkerMemory(trouble="its workers keep their blocks in different ways")
    return min(workers, key=lambda worker: worker.slots)

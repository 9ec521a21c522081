"""What every running request holds on the device: at its preemption vLLM has forgotten it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class NewRequest(Protocol):
    """Of vllm.v1.core.sched.output.NewRequestData."""

    req_id: str
    block_ids: tuple[list[int], ...]
    num_computed_tokens: int


class CachedRequests(Protocol):
    """Of vllm.v1.core.sched.output.CachedRequestData."""

    req_ids: list[str]
    resumed_req_ids: set[str]
    new_block_ids: list[tuple[list[int], ...] | None]
    num_computed_tokens: list[int]


class Step(Protocol):
    """Of vllm.v1.core.sched.output.SchedulerOutput."""

    scheduled_new_reqs: Sequence[NewRequest]
    scheduled_cached_reqs: CachedRequests
    num_scheduled_tokens: Mapping[str, int]
    preempted_req_ids: set[str] | None


@dataclass(frozen=True, slots=True)
class DeviceBlocks:
    """What a running request holds.

    Args:
        block_ids: In the order of its tokens.
        tokens: Computed once the steps so far have run.
    """

    block_ids: list[int]
    tokens: int


class RunningBlocks:
    """The block tables of all that run, followed from step to step.

    Most requests get no block in a step, and hundreds run: what each step says of all of them is
    taken over at once, and added up only for whoever is preempted.
    """

    def __init__(self) -> None:
        self._tables: dict[str, list[int]] = {}
        self._computed: dict[str, int] = {}
        self._scheduled: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._tables)

    def forget(self, request_id: str) -> DeviceBlocks | None:
        """Take out one that runs no more; None if it did not run."""
        block_ids = self._tables.pop(request_id, None)
        tokens = self._computed.pop(request_id, 0) + self._scheduled.pop(request_id, 0)
        return None if block_ids is None else DeviceBlocks(block_ids, tokens)

    def follow(self, step: Step) -> None:
        """Take over what a step adds."""
        for new in step.scheduled_new_reqs:
            self._tables[new.req_id] = list(new.block_ids[0])
            self._computed[new.req_id] = new.num_computed_tokens
        cached = step.scheduled_cached_reqs
        for request_id, added in zip(cached.req_ids, cached.new_block_ids, strict=True):
            if added is not None:
                if request_id in cached.resumed_req_ids:
                    self._tables[request_id] = []
                self._tables.setdefault(request_id, []).extend(added[0])
        self._computed.update(zip(cached.req_ids, cached.num_computed_tokens, strict=True))
        self._scheduled.update(step.num_scheduled_tokens)

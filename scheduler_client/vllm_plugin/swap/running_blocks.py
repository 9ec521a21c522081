"""What every running request holds on the device: at its preemption vLLM has forgotten it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class DeviceBlocks:
    """The blocks of a running request.

    Args:
        block_ids: In the order of its tokens.
        tokens: Computed once the steps so far have run.
    """

    block_ids: list[int] = field(default_factory=list[int])
    tokens: int = 0


class RunningBlocks:
    """The block tables of all that run, followed from step to step."""

    def __init__(self) -> None:
        self._tables: dict[str, DeviceBlocks] = {}

    def __len__(self) -> int:
        return len(self._tables)

    def forget(self, request_id: str) -> DeviceBlocks | None:
        """Take out one that runs no more; None if it did not run."""
        return self._tables.pop(request_id, None)

    def follow(self, step: Step) -> None:
        """Take over what a step adds."""
        scheduled = step.num_scheduled_tokens
        for new in step.scheduled_new_reqs:
            tokens = new.num_computed_tokens + scheduled[new.req_id]
            self._tables[new.req_id] = DeviceBlocks(list(new.block_ids[0]), tokens)
        cached = step.scheduled_cached_reqs
        for request_id, added, computed in zip(
            cached.req_ids, cached.new_block_ids, cached.num_computed_tokens, strict=True
        ):
            table = self._tables.get(request_id)
            if table is None or request_id in cached.resumed_req_ids:
                table = self._tables[request_id] = DeviceBlocks()
            if added is not None:
                table.block_ids.extend(added[0])
            table.tokens = computed + scheduled[request_id]

"""Steps of a scheduler, as the connector is told of them, without an engine."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from scheduler_client.vllm_plugin.swap.orders import WorkerMemory
from scheduler_client.vllm_plugin.swap.scheduler_side import SwapScheduler

BLOCK_TOKENS = 16


@dataclass
class FakeRequest:
    """A request with as much of vLLM's as is looked at."""

    request_id: str
    num_tokens: int
    priority: int = 0
    arrival_time: float = 0.0
    drop_stale_output: bool = False
    resumable: bool = False
    cache_salt: str | None = None
    block_hashes: list[Any] = field(default_factory=list)

    def update_block_hashes(self) -> None:
        self.block_hashes.extend(
            f"{self.cache_salt} {number}" for number in range(self.num_tokens // BLOCK_TOKENS)
        )


def step(*, new=(), running=(), resumed=(), preempted=()) -> Any:
    """One step.

    Args:
        new: (request id, block ids, tokens computed in it) of each that begins.
        running: (request id, new block ids, tokens before it) of each that goes on by one token.
        resumed: As `running`, with all of its block ids.
        preempted: Request ids.
    """
    cached = [*running, *resumed]
    scheduled = {name: tokens for name, _, tokens in new} | {name: 1 for name, _, _ in cached}
    return SimpleNamespace(
        scheduled_new_reqs=[
            SimpleNamespace(req_id=name, block_ids=(list(blocks),), num_computed_tokens=0)
            for name, blocks, _ in new
        ],
        scheduled_cached_reqs=SimpleNamespace(
            req_ids=[name for name, _, _ in cached],
            resumed_req_ids={name for name, _, _ in resumed},
            new_block_ids=[(list(blocks),) if blocks else None for _, blocks, _ in cached],
            num_computed_tokens=[tokens for _, _, tokens in cached],
        ),
        num_scheduled_tokens=scheduled,
        preempted_req_ids=set(preempted),
    )


def swapping(slots: int, *, lossy: bool = False) -> SwapScheduler:
    scheduler = SwapScheduler(BLOCK_TOKENS)
    scheduler.begin(WorkerMemory(slots, lossy=lossy))
    return scheduler


def begin(scheduler: SwapScheduler, *requests: FakeRequest) -> None:
    """Let requests begin: each computes all its tokens but the last, in blocks of its own."""
    for number, request in enumerate(requests):
        scheduler.add(request)
        blocks = range(100 * number, 100 * number + -(-request.num_tokens // BLOCK_TOKENS))
        assert not scheduler.stores(
            step(new=[(request.request_id, blocks, request.num_tokens - 1)])
        )

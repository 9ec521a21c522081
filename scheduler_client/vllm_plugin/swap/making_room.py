"""Preemption where memory is short rather than slots: the long make room for the first in line."""

# pyright: reportPrivateUsage=false
# vLLM has no public way to preempt: what its own scheduler does is done here too.

import time
from collections.abc import Callable
from typing import Any

from lengthwise.scheduling.swap_order import RunningJob, who_makes_room

Key = Callable[[Any], float]
"""A request's place in the queue, running or waiting: lower goes first."""


def make_room(scheduler: Any, first: Any, key: Key, margin: float) -> list[Any]:
    """Preempt running requests until the first of the queue fits into the device's memory.

    Before vLLM's own step. The victims are in vLLM's waiting queue afterwards; a caller who would
    not have them back in this very step takes them out of it for as long. Under asynchronous
    scheduling this works with our connector, and with none; one that consumes others' blocks keeps
    a request's blocks while a step still uses them, and then nobody is taken off.

    Args:
        scheduler: The engine's vllm.v1.core.sched.scheduler.Scheduler, whose queues are changed.
        first: Of its waiting queue, a vllm.v1.request.Request.
        key: Place of each request, of `first` and of those that run.
        margin: In the key's unit: only who stands behind `first` by more than this is preempted.

    Returns:
        The victims; maybe none.
    """
    manager = scheduler.kv_cache_manager
    needed = -(-(first.num_tokens + 1) // scheduler.block_size)
    wanted = needed - manager.block_pool.get_num_free_blocks()
    if wanted <= 0:
        return []
    running = {
        request.request_id: RunningJob(key(request), _blocks(manager, request))
        for request in scheduler.running
        if scheduler._request_blocks_can_be_freed(request)  # noqa: SLF001  vLLM's own means
    }
    out = who_makes_room(running, favoured_key=key(first), margin=margin, wanted=wanted)
    victims = [scheduler.requests[name] for name in out]
    for victim in victims:
        scheduler.running.remove(victim)
        scheduler._preempt_request(  # noqa: SLF001  as above
            victim, time.monotonic(), drop_stale_output=scheduler.requires_kv_delivery
        )
    return victims


def _blocks(manager: Any, request: Any) -> int:
    """What becomes free when it goes: blocks that it shares do not."""
    (blocks,) = manager.get_blocks(request.request_id).blocks
    return sum(block.ref_cnt == 1 for block in blocks)

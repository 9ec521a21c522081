"""The half beside the scheduler: who is kept, where, and for how long."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

from lengthwise.scheduling.swap_order import who_goes_out
from scheduler_client.vllm_plugin.swap.host_slots import HostSlots, SwappedRequest
from scheduler_client.vllm_plugin.swap.orders import Load, Store, WorkerMemory
from scheduler_client.vllm_plugin.swap.running_blocks import RunningBlocks, Step


class Request(Protocol):
    """Of vllm.v1.request.Request."""

    request_id: str
    priority: int
    arrival_time: float
    drop_stale_output: bool
    resumable: bool
    cache_salt: str | None
    block_hashes: list[Any]

    @property
    def num_tokens(self) -> int:
        """Of its prompt and its answer so far."""
        ...

    def update_block_hashes(self) -> None:
        """Hash what is not hashed yet."""
        ...


class SwapScheduler:
    """Keeps preempted requests, as long as there is room, and has them brought back.

    It is told of each step before it goes to the workers, and of what came of it after.

    Args:
        block_tokens: Tokens whose keys and values one block holds.
    """

    def __init__(self, block_tokens: int) -> None:
        self._block_tokens = block_tokens
        self._memory = WorkerMemory(trouble="no worker told of its memory")
        self._slots = HostSlots(0)
        self._requests: dict[str, Request] = {}
        self._running = RunningBlocks()
        self._loads: list[Load] = []
        self._lost: dict[str, int] = {}
        self._isolated: set[str] = set()
        self.counted: Counter[str] = Counter()

    def begin(self, memory: WorkerMemory) -> None:
        """Take over what the workers have made ready."""
        self._memory = memory
        self._slots = HostSlots(memory.slots)

    def turn_off(self) -> None:
        """Swap no more; who is on the way back is let in."""
        self._memory = WorkerMemory(trouble="a fault")
        self._running, self._lost = RunningBlocks(), {}
        self.drop_all()

    @property
    def is_on(self) -> bool:
        """Whether anything is swapped."""
        return self._memory.trouble is None

    @property
    def held(self) -> HostSlots:
        """The books of the host's memory."""
        return self._slots

    def add(self, request: Request) -> None:
        """A request has come."""
        self._requests[request.request_id] = request

    def end(self, request_id: str) -> None:
        """A request has ended, wherever it was: on the device, in the host's memory or between.

        Its slots may be written to from the next step on: workers keep to the order of the steps.
        """
        self._requests.pop(request_id, None)
        self._lost.pop(request_id, None)
        self._isolated.discard(request_id)
        self._running.forget(request_id)
        self._slots.release(request_id)

    def matched_tokens(self, request: Request, cached_tokens: int) -> int:
        """Tokens that can be brought back beyond those in the device's prefix cache.

        The last token is never among them: its keys and values were not computed yet.
        """
        held = self._slots.get(request.request_id)
        if held is None or held.loading:
            return 0
        return max(0, min(held.tokens, request.num_tokens - 1) - cached_tokens)

    def bring_back(self, request: Request, block_ids: list[int], tokens: int) -> None:
        """Blocks have been given to a request, `tokens` of them to be brought back: maybe 0."""
        held = self._slots.get(request.request_id)
        if held is None or held.loading:
            return
        if tokens == 0:  # what the prefix cache still has is as good
            self._slots.release(request.request_id)
            return
        held.loading = True
        held.matched = min(held.tokens, request.num_tokens - 1)
        first = (held.matched - tokens) // self._block_tokens
        wanted = block_ids[first : self._blocks(held.matched)]
        self._loads.append(Load(request.request_id, held.ticket, wanted, first, held.slots))
        if self._memory.lossy and request.request_id not in self._isolated:
            self._isolated.add(request.request_id)
            isolate(request)

    def take_loads(self) -> list[Load]:
        """What is to be brought back in this step.

        Whatever else fails, the workers must be told of it: who waits for it would wait for ever.
        """
        loads, self._loads = self._loads, []
        return loads

    def stores(self, step: Step) -> list[Store]:
        """What is to be copied out before this step, which is taken note of."""
        if not self.is_on:
            return []
        preempted = step.preempted_req_ids or set[str]()
        if any(self._is_reset(request_id) for request_id in preempted):
            self.drop_all()
        kept = [self._swap_out(request_id, step) for request_id in sorted(preempted)]
        self._note_resumed(step)
        self._running.follow(step)
        return [store for store in kept if store is not None]

    def _is_reset(self, request_id: str) -> bool:
        """Whether the whole cache was declared invalid, as after a change of weights."""
        request = self._requests.get(request_id)
        return request is not None and request.drop_stale_output

    def _swap_out(self, request_id: str, step: Step) -> Store | None:
        """Keep a preempted request, if it waits less long than others or there is room for all."""
        table = self._running.forget(request_id)
        if table is None or request_id not in self._requests or not table.tokens:
            return None
        self._lost[request_id] = table.tokens
        request = self._requests[request_id]
        if request_id in step.num_scheduled_tokens or request.drop_stale_output:
            return None  # it goes on in this very step
        if request.resumable:
            return None  # a session's next input may take the place of tokens that are kept
        blocks = self._blocks(table.tokens)
        if not self._make_room(request_id, blocks):
            self.counted["evicted"] += table.tokens
            return None
        held = self._slots.hold(request_id, table.tokens, blocks)
        self.counted["swapped_out"] += table.tokens
        return Store(request_id, held.ticket, table.block_ids[:blocks], table.tokens, held.slots)

    def _make_room(self, request_id: str, needed: int) -> bool:
        """Evict whoever waits longest, and say whether the newcomer may stay."""
        self._slots.release(request_id)
        if needed <= self._slots.free:
            return True
        if needed > self._slots.total:
            return False
        evictable = {held.request_id: len(held.slots) for held in self._slots if not held.loading}
        places = self._places([*evictable, request_id])
        out = who_goes_out(evictable | {request_id: needed}, places, needed - self._slots.free)
        if out is None or request_id in out:
            return False
        for gone in out:
            self._evict(gone)
        return True

    def _places(self, request_ids: Iterable[str]) -> dict[str, float]:
        """Estimated waits, in units of one request: the place in the order of vLLM's queue.

        All count as equally long: where only swapped requests share the memory, whose wait is the
        longest hangs on the order of the queue alone.
        """
        requests = [self._requests[request_id] for request_id in request_ids]
        requests.sort(key=lambda request: (request.priority, request.arrival_time))
        return {request.request_id: float(place) for place, request in enumerate(requests)}

    def _evict(self, request_id: str) -> None:
        held = self._slots.release(request_id)
        if held is not None:
            self.counted["evicted"] += held.tokens

    def _note_resumed(self, step: Step) -> None:
        """Count what is computed a second time.

        vLLM's second model runner is told of who comes back as of who is new.
        """
        if not self._lost:
            return
        cached = step.scheduled_cached_reqs
        back = [*zip(cached.req_ids, cached.num_computed_tokens, strict=True)]
        back += [(new.req_id, new.num_computed_tokens) for new in step.scheduled_new_reqs]
        for request_id, computed in back:
            lost = self._lost.pop(request_id, 0)
            self.counted["recomputed"] += max(0, lost - computed)

    def brought_back(self, request_ids: Iterable[str], failed: set[str]) -> None:
        """Copies in have ended, some of them in vain."""
        for request_id in request_ids:
            held = self._slots.release(request_id)
            if held is not None and request_id not in failed:
                self.counted["swapped_in"] += held.matched

    def not_stored(self, tickets: dict[str, int]) -> None:
        """Copies out have failed: nothing is held of them."""
        for request_id, ticket in tickets.items():
            held = self._slots.get(request_id)
            if held is not None and held.ticket == ticket and not held.loading:
                self._slots.release(request_id)

    def drop_all(self) -> None:
        """What is held is valid no more; who is on the way back is let in."""
        for held in list[SwappedRequest](self._slots):
            if not held.loading:
                self._slots.release(held.request_id)

    def take_counts(self) -> dict[str, int]:
        """Tokens counted since the last time."""
        counts = {name: count for name, count in self.counted.items() if count}
        self.counted.clear()
        return counts

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self._block_tokens)


def isolate(request: Request) -> None:
    """Let nobody else find this request's blocks in the prefix cache: they have been rounded.

    What it shares already stays shared, for that was not rounded. vLLM salts the first block's hash
    and chains the others to it.
    """
    request.cache_salt = f"{request.cache_salt or ''}lengthwise-swapped-{request.request_id}"
    request.block_hashes.clear()
    request.update_block_hashes()

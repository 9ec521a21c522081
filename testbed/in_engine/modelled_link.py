"""The link between a modelled GPU and its host: what crosses it takes its time beside the steps."""

from collections.abc import Callable
from typing import Any

import torch

from scheduler_client.vllm_plugin.swap.link import MAX_STAGED_BYTES
from serving_sim.engine.engine import KvSwap

EPSILON_S = 1e-9
"""Sums of times are not exact."""


class ModelledLink:
    """Copies at once, and says that it has when the modelled link would.

    As `scheduler_client.vllm_plugin.swap.link.StreamLink`: one copy after the other, and steps wait
    only while more is on its way out than may be staged.

    Args:
        swap: Bytes and their rate.
        block_tokens: Of the engine.
    """

    def __init__(self, swap: KvSwap, block_tokens: int) -> None:
        self._swap = swap
        self._block_tokens = block_tokens
        self._planned_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}
        self._free_s = 0.0
        self.now_s = 0.0

    def begin(self) -> None:
        """A run begins, at time 0."""
        self._planned_s, self._due_s, self._free_s, self.now_s = {}, {}, 0.0, 0.0

    def plan(self, orders: Any) -> float:
        """Take over what a step is to copy.

        Args:
            orders: scheduler_client.vllm_plugin.swap.orders.Orders.

        Returns:
            Seconds that the step takes longer: to make rows of blocks and blocks of rows, and to
            wait where too much is staged.
        """
        for store in orders.stores:
            self._cross(len(store.block_ids))
        stalled_s = 0.0
        if orders.stores:
            staged_s = MAX_STAGED_BYTES / self._swap.link_bytes_per_s
            stalled_s = max(0.0, self._free_s - self.now_s - staged_s)
        for load in orders.loads:
            self._planned_s[load.request_id] = self._cross(len(load.block_ids))
        blocks = sum(len(order.block_ids) for order in [*orders.stores, *orders.loads])
        return stalled_s + blocks * self._block_tokens * self._swap.quantise_s_per_token

    def _cross(self, blocks: int) -> float:
        """When so many blocks have crossed, after all before them."""
        size = blocks * self._block_tokens * self._swap.moved_bytes_per_token
        self._free_s = max(self._free_s, self.now_s) + size / self._swap.link_bytes_per_s
        return self._free_s

    @property
    def next_s(self) -> float | None:
        """When the next request arrives; None if none is on its way."""
        return min([*self._planned_s.values(), *self._due_s.values()], default=None)

    def send(self, rows: torch.Tensor, write: Callable[[torch.Tensor], None]) -> None:
        """Write rows to the host's memory."""
        write(rows)

    def fetch(self, request_id: str, bring: Callable[[], None]) -> None:
        """Bring a request's blocks back: it has arrived when the link has come so far."""
        due_s = self._planned_s.pop(request_id)
        bring()
        self._due_s[request_id] = due_s

    def take_arrived(self) -> set[str]:
        """Whose blocks have arrived since the last time."""
        self._planned_s.clear()  # those that were not even tried
        arrived = {name for name, due_s in self._due_s.items() if due_s <= self.now_s + EPSILON_S}
        for name in arrived:
            del self._due_s[name]
        return arrived

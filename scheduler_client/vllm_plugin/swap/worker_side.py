"""The half in each worker: copies what it is told to, and says what failed."""

from collections.abc import Sequence
from functools import partial

import torch

from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.swap.codecs.codec import BlockCodec
from scheduler_client.vllm_plugin.swap.host_store import HostStore
from scheduler_client.vllm_plugin.swap.link import Link
from scheduler_client.vllm_plugin.swap.metrics import Stopwatch
from scheduler_client.vllm_plugin.swap.orders import Load, Store

CHUNK_BYTES = 32 << 20
"""Encoded at once: on a full device there is little room for what is in between."""


class SwapWorker:
    """Carries out the orders of each step, in their order.

    Blocks are read before the step that may overwrite them, and written after the step that they
    were given away in; rows cross the link beside the steps, where there is something beside.

    Args:
        codec: Blocks to rows and back.
        store: The host's memory that rows are written to and read from.
        device: The device that the blocks lie on.
        link: Between the device and that memory; it keeps the order in which it is told.
        block_tokens: Tokens whose keys and values one block holds.
    """

    def __init__(
        self,
        codec: BlockCodec,
        store: HostStore,
        device: torch.device,
        link: Link,
        block_tokens: int,
    ) -> None:
        self._codec = codec
        self._store = store
        self._device = device
        self._link = link
        self._block_tokens = block_tokens
        self._stored: dict[str, int] = {}
        self._said_failure = False
        self.stopwatch = Stopwatch()
        self._failed_stores: dict[str, int] = {}
        self._failed_loads: set[str] = set()

    def store_all(self, stores: Sequence[Store]) -> None:
        """Copy out. One that fails is noted by its ticket; the rest goes on."""
        for order in stores:
            try:
                with self.stopwatch.counting("out_s"):
                    self.copy_out(order)
                self._stored[order.request_id] = order.ticket
            except Exception:  # noqa: BLE001  the step must go on; the request is computed again
                self._note_failure("out")
                self._stored.pop(order.request_id, None)
                self._failed_stores[order.request_id] = order.ticket

    def load_all(self, loads: Sequence[Load]) -> None:
        """Copy in. All are reported once they are done; those that failed as failed, too."""
        for order in loads:
            if self._stored.pop(order.request_id, None) != order.ticket:
                self._failed_loads.add(order.request_id)
                continue
            try:
                with self.stopwatch.counting("in_s"):
                    self._link.fetch(order.request_id, partial(self.copy_in, order))
            except Exception:  # noqa: BLE001  as above
                self._note_failure("in")
                self._failed_loads.add(order.request_id)

    def forget(self, request_ids: set[str]) -> None:
        """These requests have ended."""
        for request_id in request_ids:
            self._stored.pop(request_id, None)

    def take_loaded(self) -> tuple[set[str], set[str]]:
        """Whose copies in have ended since the last time, and which of them in vain."""
        failed, self._failed_loads = self._failed_loads, set()
        return self._link.take_arrived() | failed, failed

    def take_failed_stores(self) -> dict[str, int]:
        """Tickets of the copies out that failed since the last time, by request."""
        failed, self._failed_stores = self._failed_stores, {}
        return failed

    def copy_out(self, order: Store) -> None:
        """One request's blocks, to its slots."""
        block_ids = self._tensor(order.block_ids)
        for start, stop in self._chunks(len(block_ids)):
            tokens = min(order.tokens, stop * self._block_tokens) - start * self._block_tokens
            rows = self._codec.encode(block_ids[start:stop], tokens)
            self._link.send(rows, partial(self._store.write, order.slots[start:stop]))

    def copy_in(self, order: Load) -> None:
        """One request's slots, to its blocks."""
        block_ids = self._tensor(order.block_ids)
        slots = order.slots[order.first_block :]
        for start, stop in self._chunks(len(block_ids)):
            rows = self._store.read(slots[start:stop], self._device)
            self._codec.decode(rows, block_ids[start:stop])

    def _chunks(self, blocks: int) -> list[tuple[int, int]]:
        size = max(1, CHUNK_BYTES // self._codec.slot_bytes)
        return [(start, min(start + size, blocks)) for start in range(0, blocks, size)]

    def _tensor(self, block_ids: Sequence[int]) -> torch.Tensor:
        return torch.tensor(block_ids, dtype=torch.int64, device=self._device)

    def _note_failure(self, direction: str) -> None:
        if not self._said_failure:
            self._said_failure = True
            LOGGER.exception(
                "Lengthwise could not swap a request %s: it is computed again (said once)",
                direction,
            )

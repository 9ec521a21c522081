"""What vLLM loads: `--kv-transfer-config` names SwapConnector, or `install` does it for the user.

It hands vLLM's calls to the half that they are for, and sees to it that a fault of ours is only
ever the end of swapping: one line in the log, and what was swapped is computed again.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorHandshakeMetadata,
    KVConnectorMetadata,
    KVConnectorTransferResults,
    KVConnectorWorkerMetadata,
    SupportsHMA,
)

from scheduler_client.vllm_plugin.guard import Guard
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.swap.metrics import SwapPromMetrics, SwapStats
from scheduler_client.vllm_plugin.swap.open_worker import open_worker
from scheduler_client.vllm_plugin.swap.orders import Orders, WorkerMemory, joined_memory
from scheduler_client.vllm_plugin.swap.scheduler_side import SwapScheduler
from scheduler_client.vllm_plugin.swap.settings import SwapSettings
from scheduler_client.vllm_plugin.swap.supported import what_is_unsupported
from scheduler_client.vllm_plugin.swap.worker_side import SwapWorker


@dataclass
class SwapMetadata(KVConnectorMetadata):
    """The orders of a step, on their way to the workers."""

    orders: Orders = field(default_factory=Orders)


@dataclass
class SwapHandshake(KVConnectorHandshakeMetadata):
    """What a worker has made ready, on its way to the scheduler."""

    memory: WorkerMemory


@dataclass
class FailedStores(KVConnectorWorkerMetadata):
    """Tickets of copies out that failed, by request."""

    tickets: dict[str, int]

    def aggregate(self, other: "FailedStores") -> "FailedStores":
        return FailedStores(self.tickets | other.tickets)


class SwapConnector(KVConnectorBase_V1, SupportsHMA):
    """Swaps preempted requests out and in; see the package.

    Raises:
        ValueError: If `kv_connector_extra_config` has a bad value: that stops vLLM's start.
    """

    def __init__(self, vllm_config: Any, role: Any, kv_cache_config: Any) -> None:
        super().__init__(vllm_config, role, kv_cache_config)
        transfer: Any = vllm_config.kv_transfer_config
        # By default vLLM ends a request whose load fails, and as a consumer of others' blocks it
        # would put off freeing a block that a step still uses: its asynchronous scheduler would
        # then hardly ever preempt. Ours are copied in the order of the steps.
        transfer.kv_load_failure_policy = "recompute"
        transfer.kv_role = "kv_producer"
        self._settings = SwapSettings.from_extra_config(transfer.kv_connector_extra_config)
        self._trouble = what_is_unsupported(vllm_config, kv_cache_config, self._settings)
        self._scheduler = SwapScheduler(vllm_config.cache_config.block_size)
        self._guard = Guard(self._turn_off)
        self._worker: SwapWorker | None = None
        self._memory = WorkerMemory(trouble=self._trouble)

    @property
    def requires_kv_delivery(self) -> bool:
        """Nobody waits for what is stored: what is lost is computed again."""
        return False

    # The workers' half.

    def register_kv_caches(self, kv_caches: dict[str, torch.Tensor]) -> None:
        if self._settings is None or self._trouble is not None:
            return
        try:
            self._worker, self._memory = open_worker(
                self._vllm_config, self._kv_cache_config.num_blocks, kv_caches, self._settings
            )
        except Exception as error:  # noqa: BLE001  the engine must start
            self._memory = WorkerMemory(trouble=f"{type(error).__name__}: {error}")

    def get_handshake_metadata(self) -> SwapHandshake:
        return SwapHandshake(self._memory)

    def handle_preemptions(self, kv_connector_metadata: SwapMetadata) -> None:
        if self._worker is not None and kv_connector_metadata.orders.stores:
            self._worker.store_all(kv_connector_metadata.orders.stores)

    def start_load_kv(self, forward_context: Any, **kwargs: Any) -> None:
        del forward_context, kwargs
        orders: Orders = self._get_connector_metadata().orders
        if self._worker is not None and orders.loads:
            self._worker.load_all(orders.loads)

    def wait_for_layer_load(self, layer_name: str) -> None:
        """Nothing: no step reads what is being loaded."""

    def save_kv_layer(
        self, layer_name: str, kv_layer: torch.Tensor, attn_metadata: Any, **kwargs: Any
    ) -> None:
        """Nothing: blocks are stored at a preemption only."""

    def wait_for_save(self) -> None:
        """Nothing: stores are in the order of the steps."""

    def get_transfer_results(self, finished_req_ids: set[str]) -> Any:
        results = KVConnectorTransferResults()
        if self._worker is not None:
            self._worker.forget(finished_req_ids)
            results.finished_recving, results.failed_recving = self._worker.take_loaded()
        return results

    def build_connector_worker_meta(self) -> FailedStores | None:
        if self._worker is None or not (tickets := self._worker.take_failed_stores()):
            return None
        return FailedStores(tickets)

    # The scheduler's half.

    def set_xfer_handshake_metadata_pp_aware(
        self, metadata: dict[tuple[int, int], SwapHandshake]
    ) -> None:
        memory = joined_memory([told.memory for told in metadata.values()])
        self._scheduler.begin(memory)
        if memory.trouble is not None:
            LOGGER.warning("Lengthwise swaps nothing: %s", memory.trouble)
        elif self._settings is not None:
            LOGGER.info(
                "Lengthwise swaps preempted requests out: %d slots of one block in the host's "
                "memory (%g GiB, %d bits)",
                memory.slots,
                self._settings.host_gib,
                self._settings.bits,
            )

    def on_new_request(self, request: Any) -> None:
        self._scheduler.add(request)

    def get_num_new_matched_tokens(
        self, request: Any, num_computed_tokens: int
    ) -> tuple[int | None, bool]:
        tokens = 0
        with self._guard("looking a request up"):
            tokens = self._scheduler.matched_tokens(request, num_computed_tokens)
        return tokens, tokens > 0

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        # A fault here would leave a request waiting for what is never brought: let it be seen.
        block_ids = blocks.get_block_ids()[0] if num_external_tokens else []
        self._scheduler.bring_back(request, block_ids, num_external_tokens)

    def build_connector_meta(self, scheduler_output: Any) -> SwapMetadata:
        loads = self._scheduler.take_loads()
        orders = Orders(loads=loads)
        with self._guard("following a step"):
            orders.stores = self._scheduler.stores(scheduler_output)
        return SwapMetadata(orders)

    def update_connector_output(self, connector_output: Any) -> None:
        done = connector_output.finished_recving or set[str]()
        failed = connector_output.failed_recving or set[str]()
        told = connector_output.kv_connector_worker_meta
        with self._guard("taking in what was copied"):
            self._scheduler.brought_back(done, failed)
        if isinstance(told, FailedStores):
            with self._guard("taking in what was not copied"):
                self._scheduler.not_stored(told.tickets)

    def request_finished(self, request: Any, block_ids: list[int]) -> tuple[bool, None]:
        del block_ids
        self._scheduler.end(request.request_id)
        return False, None

    def request_finished_all_groups(
        self, request: Any, block_ids: tuple[list[int], ...]
    ) -> tuple[bool, None]:
        return self.request_finished(request, block_ids[0])

    def reset_cache(self) -> bool:
        self._scheduler.drop_all()
        return True

    def _turn_off(self, doing: str) -> None:
        """Swallow the exception that is being handled, and swap no more."""
        self._scheduler.turn_off()
        LOGGER.exception(
            "Lengthwise swaps nothing any more: %s failed; vLLM goes on without it", doing
        )

    # Both.

    def shutdown(self) -> None:
        self._worker = None

    def get_kv_connector_stats(self) -> SwapStats | None:
        """What this process counted since the last time."""
        counts: dict[str, Any] = dict(self._scheduler.take_counts())
        if self._worker is not None:
            counts |= self._worker.stopwatch.take()
        stats = SwapStats(data=counts)
        return None if stats.is_empty() else stats

    @classmethod
    def build_kv_connector_stats(cls, data: dict[str, Any] | None = None) -> SwapStats:
        return SwapStats(data=data or {})

    @classmethod
    def build_prom_metrics(cls, *args: Any, **kwargs: Any) -> SwapPromMetrics:
        return SwapPromMetrics(*args, **kwargs)

"""The index being served, and how another takes its place without a call noticing."""

import asyncio
import ctypes
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import structlog

from lengthwise.index.errors import ArtifactIncompleteError
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from predictor_service.errors import NotServingError, SwapRefusedError, VersionIncompleteError
from predictor_service.serving_index.inference import infer
from predictor_service.serving_index.served_index import IndexSource, ServedIndex
from predictor_service.system.threads import THREAD_PREFIX, run_in_thread

log = structlog.get_logger(__name__)

WARM_UP_PROMPTS = (
    "What is the capital of France?",
    "Write a long story about a fox, in ten chapters. " * 8,
)
"""A short and a long one, so that both sizes of tensors have been through the encoder."""

GIVE_BACK_AFTER_S = 1.0
"""From a swap until freed memory is given back: whoever still computes with the version before is
through with it by then.
"""


def warm_up(index: ServedIndex, batch_size: int) -> None:
    """Run the first predictions, which are slow, and check that they can be served.

    Args:
        index: An index that was just loaded.
        batch_size: The largest micro-batch it will see.

    Raises:
        SwapRefusedError: An estimate is not a usable distribution.
    """
    for size in (1, batch_size):
        queries = [Query(WARM_UP_PROMPTS[i % len(WARM_UP_PROMPTS)]) for i in range(size)]
        for estimate in infer(index, queries).estimates:
            _check(estimate)
        for answer in index.answered_first([replace(q, neighbour_count=0) for q in queries]):
            if answer is not None:
                _check(answer)


def _check(estimate: LengthEstimate) -> None:
    tokens = estimate.quantile_tokens
    if len(tokens) != len(estimate.quantile_levels):
        raise SwapRefusedError(
            f"it gave {len(tokens)} quantiles for {len(estimate.quantile_levels)} levels"
        )
    if not all(map(math.isfinite, (estimate.expected_tokens, estimate.confidence, *tokens))):
        raise SwapRefusedError("it gave a length that is not a finite number")
    if any(low > high for low, high in pairwise(tokens)):
        raise SwapRefusedError("it gave quantiles that do not ascend")


class IndexHolder:
    """Holds the served index.

    Args:
        source: Reads versions of the index into memory.
        batch_size: Prompts in the largest micro-batch, for warming up.
        keep_previous: Keep the index that was served before in memory, so that going back to it
            takes no loading.
        unix_s: Wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        source: IndexSource,
        *,
        batch_size: int,
        keep_previous: bool = False,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._batch_size = batch_size
        self._keep_previous = keep_previous
        self._unix_s = unix_s
        self._on_switched: list[Callable[[], None]] = []
        self._current: ServedIndex | None = None
        self._kept: ServedIndex | None = None
        self._swapping = asyncio.Lock()
        self.switched_unix_s = 0.0
        """When the served index took over; 0 before there is one."""
        self.swaps = 0
        """How often another version took over, the first not counted."""
        self.refused_swaps = 0
        """How often a version was refused because it is broken."""

    @property
    def loaded(self) -> bool:
        """True once there is an index to serve."""
        return self._current is not None

    @property
    def current(self) -> ServedIndex:
        """The served index.

        Raises:
            NotServingError: None is loaded yet.
        """
        if self._current is None:
            raise NotServingError("the service is starting: its index is still being loaded; retry")
        return self._current

    @property
    def version(self) -> str:
        """Of the served index; empty before there is one."""
        return "" if self._current is None else self._current.version

    @property
    def created_unix_s(self) -> float:
        """When the served index was built; 0 before there is one."""
        return 0.0 if self._current is None else self._current.info().created_unix_s

    def on_switched(self, callback: Callable[[], None]) -> None:
        """Have something called on the event loop whenever another index is served."""
        self._on_switched.append(callback)

    async def reload(self) -> str:
        """Swap to the current version of the source; nothing happens if it is served already.

        Returns:
            The version served now.

        Raises:
            SwapRefusedError: The new version is broken; the old one serves on.
        """
        return await self._swap_to(self._source.load)

    async def swap_to(self, version: str) -> str:
        """Swap to a version of the source, or to the one kept in memory; see `reload`."""
        kept = self._kept
        if kept is not None and kept.version == version:
            return await self.swap(kept)
        return await self._swap_to(lambda: self._source.load(version))

    async def swap(self, index: ServedIndex) -> str:
        """Swap to an index that is already in memory; see `reload`."""
        return await self._swap_to(lambda: index)

    def refusal(self, error: Exception) -> SwapRefusedError:
        """What a new version is refused with, and count it, unless it may only not be whole yet.

        Args:
            error: What its files or its first predictions were found wrong by.
        """
        if isinstance(error, ArtifactIncompleteError):
            return VersionIncompleteError(f"the new version is not whole: {error}")
        self.refused_swaps += 1
        return SwapRefusedError(f"the new version cannot be served: {error}")

    async def _swap_to(self, load: Callable[[], ServedIndex]) -> str:
        async with self._swapping:
            try:
                index = await run_in_thread(lambda: self._prepare(load), name="load")
            except Exception as error:
                raise self.refusal(error) from error
            finally:
                _give_back_soon()
            if index is not self._current:
                self._switch(index)
            return index.version

    def _switch(self, index: ServedIndex) -> None:
        # One assignment: a micro-batch reads it once, so it sees the old or the new.
        before, self._current = self._current, index
        self.swaps += before is not None
        self.switched_unix_s = self._unix_s()
        self._kept = before if self._keep_previous else None
        for callback in self._on_switched:
            callback()
        log.info("index switched", version=index.version, before=before and before.version)

    def _prepare(self, load: Callable[[], ServedIndex]) -> ServedIndex:
        """Load beside the old, warm up, check; in a thread of its own."""
        self._source.prepare_thread()
        index = load()
        if self._current is not None and index.version == self._current.version:
            return self._current
        warm_up(index, self._batch_size)
        return index


def _give_back() -> None:
    """Have the allocator return what it keeps for later, where it is one that does (glibc).

    An index is loaded in a thread of its own, and what that thread freed would be kept for another
    of its kind: the process would seem to grow with every swap.
    """
    library: Any = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _give_back_soon() -> None:
    """Do so in a while, beside everything else; to be called on the event loop."""
    thread = threading.Thread(target=_give_back, name=THREAD_PREFIX + "trim", daemon=True)
    asyncio.get_running_loop().call_later(GIVE_BACK_AFTER_S, thread.start)

"""The index being served, and how another takes its place without a call noticing."""

import asyncio
import math
from collections.abc import Callable
from itertools import pairwise

import structlog

from length_index.estimate import LengthEstimate, Query
from predictor_service.errors import NotServingError, SwapRefusedError
from predictor_service.inference import infer
from predictor_service.served_index import IndexSource, ServedIndex
from predictor_service.threads import run_in_thread

log = structlog.get_logger(__name__)

WARM_UP_PROMPTS = (
    "What is the capital of France?",
    "Write a long story about a fox, in ten chapters. " * 8,
)


def warm_up(index: ServedIndex, batch_size: int) -> None:
    """Run the first predictions, which are slow, and check that they can be served.

    Args:
        index: A newly loaded index.
        batch_size: The largest micro-batch it will see.

    Raises:
        SwapRefusedError: An estimate is not a usable distribution.
    """
    for size in (1, batch_size):
        queries = [Query(WARM_UP_PROMPTS[i % len(WARM_UP_PROMPTS)]) for i in range(size)]
        for estimate in infer(index, queries).estimates:
            _check(estimate)


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
        source: Where a newer version comes from.
        batch_size: The largest micro-batch, for warming up.
    """

    def __init__(self, source: IndexSource, *, batch_size: int) -> None:
        self._source = source
        self._batch_size = batch_size
        self._on_switched: Callable[[], None] = lambda: None
        self._current: ServedIndex | None = None
        self._swapping = asyncio.Lock()

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

    def on_switched(self, callback: Callable[[], None]) -> None:
        """Have something called on the event loop whenever another index is served."""
        self._on_switched = callback

    async def reload(self) -> str:
        """Swap to the newest version of the source; nothing happens if it is served already.

        Returns:
            The version served now.

        Raises:
            SwapRefusedError: The new version is broken; the old one serves on.
        """
        return await self._swap_to(self._source.load)

    async def swap(self, index: ServedIndex) -> str:
        """Swap to an index that is already in memory; see `reload`."""
        return await self._swap_to(lambda: index)

    async def _swap_to(self, load: Callable[[], ServedIndex]) -> str:
        async with self._swapping:
            try:
                index = await run_in_thread(lambda: self._prepare(load), name="load")
            except Exception as error:
                raise SwapRefusedError(f"the new version cannot be served: {error}") from error
            # One assignment: a micro-batch reads it once, so it sees the old or the new.
            before, self._current = self._current, index
            if before is not index:
                self._on_switched()
                log.info("index switched", version=index.version, before=before and before.version)
            return index.version

    def _prepare(self, load: Callable[[], ServedIndex]) -> ServedIndex:
        """Load beside the old, warm up, check; in a thread of its own."""
        self._source.prepare_thread()
        index = load()
        if self._current is not None and index.version == self._current.version:
            return self._current
        warm_up(index, self._batch_size)
        return index

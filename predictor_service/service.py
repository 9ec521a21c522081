"""Everything of one process, wired: start, load, reload, stop."""

import asyncio
import time

import structlog

from predictor_service.address import check_free
from predictor_service.batcher import MicroBatcher
from predictor_service.cache import PredictionCache
from predictor_service.config import ServiceConfig
from predictor_service.errors import StartUpError, SwapRefusedError
from predictor_service.generation import Generation
from predictor_service.health import Health
from predictor_service.history.opening import open_completions
from predictor_service.index_holder import IndexHolder
from predictor_service.live import LiveLearner
from predictor_service.predictions import Predictions
from predictor_service.served_index import IndexSource, ServedIndex
from predictor_service.server import bind, build_server
from predictor_service.servicer import SERVICE_NAME, LengthPredictorServicer

log = structlog.get_logger(__name__)


class Service:
    """The service of one process. Made inside a running event loop, for which it is.

    Args:
        config: All options.
        source: Where the index comes from.

    Raises:
        StartUpError: The completions cannot be opened.
    """

    def __init__(self, config: ServiceConfig, source: IndexSource) -> None:
        self._config = config
        self.holder = IndexHolder(source, batch_size=config.max_batch_size)
        self._completions = open_completions(config, self._current, source.prepare_thread)
        generation = Generation()
        self.learner = LiveLearner(
            self._current,
            capacity_rows=config.live_capacity,
            prepare_thread=source.prepare_thread,
            on_learnt=generation.rows_added,
        )
        self.holder.on_switched(self.learner.index_switched)
        self.health = Health(SERVICE_NAME)
        self.batcher = MicroBatcher(
            lambda: self.holder.current,
            limits=config.queue_limits,
            max_wait_s=config.max_batch_wait_ms / 1_000,
            lanes=config.lanes,
            widen=lambda wide: source.prepare_thread(wide=wide),
        )
        predictions = Predictions(
            self.holder,
            self.batcher,
            PredictionCache(
                capacity=config.cache_capacity, capacity_bytes=config.cache_capacity_bytes
            ),
            limits=config.request_limits,
            max_response_bytes=config.max_message_bytes,
            generation=generation.current,
        )
        self._servicer = LengthPredictorServicer(
            predictions, self.holder, self._completions, self.learner, config.request_limits
        )
        self._server = build_server(config, self._servicer, self.health)

    @property
    def stopping(self) -> bool:
        """True once `stop` was called: nothing more is accepted."""
        return self._servicer.stopping

    def _current(self) -> ServedIndex | None:
        return self.holder.current if self.holder.loaded else None

    async def listen(self) -> int:
        """Listen; until `load` is through, health says NOT_SERVING and calls are told to retry.

        Returns:
            The port.

        Raises:
            PortTakenError: Somebody listens there already.
        """
        if self._config.processes == 1:
            check_free(self._config.host, self._config.port)
        port = bind(self._server, self._config.host, self._config.port)
        await self._server.start()
        return port

    async def load(self) -> str:
        """Load the index and serve it.

        Returns:
            Its version.

        Raises:
            StartUpError: It cannot be served.
        """
        log.info("loading the index", path=str(self._config.index))
        try:
            version = await self.holder.reload()
        except SwapRefusedError as error:
            cause = error.__cause__ or error
            raise StartUpError(f"--index {self._config.index} cannot be served: {cause}") from error
        self.health.set_serving()
        return version

    async def reload(self) -> None:
        """Swap to the newest version; a broken one is refused and the old one serves on."""
        before = self.holder.current if self.holder.loaded else None
        try:
            version = await self.holder.reload()
        except SwapRefusedError as error:
            log.error("index not switched", reason=str(error))  # noqa: TRY400  no stack needed
            return
        if before is not None and before.version == version:
            log.info("index is the newest already", version=version)

    async def stop(self) -> None:
        """Take nothing more, answer what was accepted, close.

        The server is shut only once nothing is in flight: calls that reach gRPC while it shuts are
        told CANCELLED, which callers do not retry, and until then ours are told UNAVAILABLE.
        """
        log.info("stopping", waiting=self.batcher.waiting)
        ends_s = time.monotonic() + self._config.drain_timeout_s
        self.health.stop()
        self._servicer.stop()
        try:
            await asyncio.wait_for(self._servicer.drained(), self._config.drain_timeout_s)
        except TimeoutError:
            log.warning("calls cut off at the drain timeout", waiting=self.batcher.waiting)
        await self._server.stop(max(0.0, ends_s - time.monotonic()))
        try:
            # Beyond the server's own grace nobody waits for what is still being computed.
            await asyncio.wait_for(self.batcher.stop(), timeout=1)
        except TimeoutError:
            log.warning("stopped while a micro-batch was still being computed")
        await self.learner.stop()
        await self._completions.close()
        log.info("stopped")

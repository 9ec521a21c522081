"""Everything of one process, wired: start, load, reload, stop."""

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from predictor_service.batching.cache import Generation
from predictor_service.batching.core_probe import measure_cores
from predictor_service.callers.authority import exposures
from predictor_service.callers.call_meter import CallMeter
from predictor_service.callers.server_credentials import server_credentials
from predictor_service.completions.opening import open_completions
from predictor_service.completions.report_meter import ReportMeter
from predictor_service.config import ServiceConfig
from predictor_service.errors import StartUpError, SwapRefusedError
from predictor_service.metrics.sources import Sources
from predictor_service.process import parts
from predictor_service.rpc.admin import SERVICE_NAME as ADMIN_NAME
from predictor_service.rpc.admin import IndexAdminServicer
from predictor_service.rpc.health import Health
from predictor_service.rpc.predictions import Predictions
from predictor_service.rpc.server import bind, build_server
from predictor_service.rpc.servicer import SERVICE_NAME, LengthPredictorServicer
from predictor_service.serving_index.served_index import IndexSource, ServedIndex
from predictor_service.serving_index.switcher import Switcher, Watcher
from predictor_service.system.address import check_free
from predictor_service.tracing.opening import open_tracer

if TYPE_CHECKING:
    from predictor_service.metrics.exposition import MetricsServer

log = structlog.get_logger(__name__)

DRIFT_DETAIL = f"{SERVICE_NAME}/drift"
"""Asked of the health service, it is NOT_SERVING while there is a drift alarm."""

CLOSE_S = 1.0
"""Seconds that a part has to close where the drain timeout is used up."""


class Service:
    """The service of one process. Made inside a running event loop, for which it is.

    Args:
        config: The options of this process.
        source: Where the index comes from.

    Raises:
        StartUpError: The completions, the tokens or the certificate cannot be used.
    """

    def __init__(self, config: ServiceConfig, source: IndexSource) -> None:
        self._config = config
        self._source = source
        self._credentials = server_credentials(config)
        self.calls = CallMeter()
        self._tracer = open_tracer(config)
        guard = parts.guard(config, self.calls, self._tracer)
        self.health = Health(SERVICE_NAME, ADMIN_NAME, details=(DRIFT_DETAIL,))
        self.holder = parts.index_holder(config, source)
        self.switcher = Switcher(self.holder, source)
        self._watcher = Watcher(self.switcher, poll_s=config.index_poll_s)
        self._completions = open_completions(config, self._current, source.prepare_thread)
        self.reports = ReportMeter()
        generation = Generation()
        self.learner = parts.live_learner(config, source, self._current, generation)
        self.holder.on_switched(self.learner.index_switched)
        self.drift = parts.drift_monitor(config, self._tell_drift)
        self.holder.on_switched(self._watch_drift_anew)
        self.batcher = parts.micro_batcher(config, source, self.holder)
        self.cache = parts.prediction_cache(config)
        self._servicer = self._predictor_servicer(generation)
        admin = IndexAdminServicer(self.switcher, self.holder, lambda: self.stopping)
        services = {SERVICE_NAME: self._servicer.handler(), ADMIN_NAME: admin.handler()}
        self._server = build_server(config, guard, services, self.health)
        self.metrics: MetricsServer | None = None

    def _predictor_servicer(self, generation: Generation) -> LengthPredictorServicer:
        limits = parts.request_limits(self._config)
        predictions = Predictions(
            self.holder,
            self.batcher,
            self.cache,
            limits=limits,
            max_response_bytes=self._config.max_message_bytes,
            generation=generation.current,
            outstanding=self.drift.outstanding,
        )
        return LengthPredictorServicer(
            predictions,
            self.holder,
            self._completions,
            learner=self.learner,
            drift=self.drift,
            reports=self.reports,
            switcher=self.switcher,
            limits=limits,
        )

    @property
    def stopping(self) -> bool:
        """True once `stop` was called: nothing more is accepted."""
        return self._servicer.stopping

    def _tell_drift(self, alarm: bool) -> None:
        self.health.set_detail(DRIFT_DETAIL, well=not alarm)

    def _watch_drift_anew(self) -> None:
        version = self.holder.version
        models = [summary.model for summary in self.holder.current.info().models]
        self.drift.index_switched(version, self._source.promises(version), models)

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
        if self._config.metrics_port is not None:
            self.metrics = self._serve_metrics(self._config.metrics_port)
        for sentence in exposures(self._config):
            log.warning("open to the network", what=sentence)
        port = bind(self._server, self._config.host, self._config.port, self._credentials)
        await self._server.start()
        return port

    def _serve_metrics(self, port: int) -> "MetricsServer":
        # Only where they are wanted.
        from predictor_service.metrics.collectors import build_registry  # noqa: PLC0415
        from predictor_service.metrics.exposition import MetricsServer, on_loop  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        sources = Sources(
            calls=self.calls,
            batcher=self.batcher,
            cache=self.cache,
            holder=self.holder,
            serving=lambda: self.health.serving,
            learner=self.learner,
            completions=self._completions,
            reports=self.reports,
            drift=self.drift,
            drift_now=lambda: on_loop(loop, self.drift.snapshot, ()),
            queue_capacity=self._config.queue_capacity,
        )
        return MetricsServer(build_registry(sources), host=self._config.host, port=port)

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
        await measure_cores(self.batcher)
        self.health.set_serving()
        self._watcher.start()
        return version

    async def reload(self) -> None:
        """Swap to the newest version; a broken one is refused and the old one serves on."""
        before = self._current()
        try:
            await self.switcher.reload()
        except SwapRefusedError as error:
            log.error("index not switched", reason=str(error))  # noqa: TRY400  no stack needed
            return
        if before is not None and before.version == self.holder.version:
            log.info("index is the newest already", version=before.version)

    async def stop(self) -> None:
        """Take nothing more, answer what was accepted, close.

        The server is shut only once nothing is in flight: calls that reach gRPC while it shuts are
        told CANCELLED, which callers do not retry, and until then ours are told UNAVAILABLE.
        """
        log.info("stopping", waiting=self.batcher.waiting)
        ends_s = time.monotonic() + self._config.drain_timeout_s
        await self._watcher.stop()
        self.health.stop()
        self._servicer.stop()
        try:
            await asyncio.wait_for(self._servicer.drained(), self._config.drain_timeout_s)
        except TimeoutError:
            log.warning("calls cut off at the drain timeout", waiting=self.batcher.waiting)
        await self._server.stop(max(0.0, ends_s - time.monotonic()))
        try:
            # Beyond the server's own grace nobody waits for what is still being computed.
            await asyncio.wait_for(self.batcher.stop(), CLOSE_S)
        except TimeoutError:
            log.warning("stopped while a micro-batch was still being computed")
        await self.learner.stop()
        try:
            # As before: their callers were not told that they are stored, and report them again.
            left_s = max(CLOSE_S, ends_s - time.monotonic())
            await asyncio.wait_for(self._completions.close(), left_s)
        except TimeoutError:
            log.warning("stopped while completions were still being stored")
        await asyncio.to_thread(self._tracer.close)
        if self.metrics is not None:
            await asyncio.to_thread(self.metrics.close)
        log.info("stopped")

"""The RPCs of `lengthwise.v1.LengthPredictor`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version as installed_version
from typing import Any, TypeVar

import grpc

from lengthwise.index.record import HistoryRecord
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.callers.guard import current_caller
from predictor_service.completions.completion_store import CompletionStore, Stored
from predictor_service.completions.report_meter import ReportMeter
from predictor_service.drift.monitor import DriftMonitor
from predictor_service.errors import CallError, InvalidRequestError, NotServingError
from predictor_service.failures import unexpected
from predictor_service.rpc.finishing import Finishing
from predictor_service.rpc.predictions import Predictions
from predictor_service.rpc.stream import PredictionStream
from predictor_service.rpc.validation import RequestLimits
from predictor_service.rpc.wire import Malformed, fill_drift, fill_swaps, info_response, tolerant
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.live_rows import LiveLearner
from predictor_service.serving_index.switcher import Switcher

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["LengthPredictor"].full_name
"""Begins the path of each of its methods; health and reflection name it too."""

CHECKED_AT_A_TIME = 256
"""Completions checked before other calls have their turn: a millisecond or two."""

Context = grpc.aio.ServicerContext[Any, Any]
Q = TypeVar("Q")
R = TypeVar("R")


class LengthPredictorServicer:
    """Answers the RPCs.

    Args:
        predictions: Answers one prompt, a batch or a stream of them.
        holder: Holds the served index, whose facts `GetIndexInfo` gives.
        completions: Stores the completions that are reported.
        learner: Adds what was stored to the served index.
        drift: Holds what was stored against the predictions made before.
        reports: Counts what was reported more than once.
        switcher: Knows which version would be gone back to.
        limits: Bounds of a request and of a message.
    """

    def __init__(
        self,
        predictions: Predictions,
        holder: IndexHolder,
        completions: CompletionStore,
        *,
        learner: LiveLearner,
        drift: DriftMonitor,
        reports: ReportMeter,
        switcher: Switcher,
        limits: RequestLimits,
    ) -> None:
        self._predictions = predictions
        self._holder = holder
        self._completions = completions
        self._learner = learner
        self._drift = drift
        self._reports = reports
        self._switcher = switcher
        self._limits = limits
        self._started_s = time.monotonic()
        self._version = installed_version("lengthwise")
        self._streams: set[PredictionStream] = set()
        self.stopping = False
        self._active = 0
        self._keeping = Finishing(self._note_drained)
        self._drained = asyncio.Event()

    def stop(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        self.stopping = True
        for stream in self._streams:
            stream.stop()
        self._note_drained()

    async def drained(self) -> None:
        """Wait until all accepted calls have their answers; to be called after `stop`."""
        await self._drained.wait()

    def _note_drained(self) -> None:
        if self.stopping and not self._active and not self._keeping:
            self._drained.set()

    def check_accepting(self) -> None:
        """Refuse what comes after `stop`.

        Raises:
            NotServingError: The service is stopping.
        """
        if self.stopping:
            raise NotServingError("the service is stopping: retry elsewhere or later")

    async def predict(self, request: pb.PredictRequest, context: Context) -> pb.PredictResponse:
        """Answer one prompt, or end the call with its error."""
        pending = await self._predictions.begin((request,), timeout_s=context.time_remaining())
        (result,) = await self._predictions.finish(pending)
        response = pb.PredictResponse()
        result.fill(response)
        return response

    async def predict_batch(
        self, request: pb.PredictBatchRequest, context: Context
    ) -> pb.PredictBatchResponse:
        """Answer many prompts, each for itself."""
        self._limits.check_count("requests", len(request.requests))
        pending = await self._predictions.begin(
            request.requests, timeout_s=context.time_remaining()
        )
        response = pb.PredictBatchResponse()
        for result in await self._predictions.finish(pending):
            result.fill_item(response.results.add())
        return response

    async def predict_stream(self, _: object, context: Context) -> None:
        """Answer message after message, until the caller has sent its last."""
        stream = PredictionStream(self._predictions, self._limits, context)
        self._streams.add(stream)
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)

    async def report(self, request: pb.ReportRequest, _: Context) -> pb.ReportResponse:
        """Store true lengths, all of the message or none."""
        self._limits.check_count("completions", len(request.completions))
        records: list[HistoryRecord] = []
        caller = current_caller.get()
        for i, completion in enumerate(request.completions):
            records.append(self._limits.record(completion, f"completions[{i}].", caller))
            if not len(records) % CHECKED_AT_A_TIME:
                await asyncio.sleep(0)
        stored = await self._keeping.finish(self._keep(records, caller))
        return pb.ReportResponse(stored=stored.stored, duplicates=stored.duplicates)

    async def _keep(self, records: Sequence[HistoryRecord], caller: str) -> Stored:
        """Store completions and learn those that are new.

        To be done as a whole: reported again by a caller who hung up, they are duplicates, of which
        nothing is learnt.
        """
        stored = await self._completions.add(records)
        self._reports.count(stored, caller)
        self._learner.learn(stored.new)
        for start in range(0, len(stored.new), CHECKED_AT_A_TIME):
            self._drift.reported(stored.new[start : start + CHECKED_AT_A_TIME])
            await asyncio.sleep(0)
        return stored

    async def get_index_info(
        self, _: pb.GetIndexInfoRequest, __: Context
    ) -> pb.GetIndexInfoResponse:
        """Say what the served index holds."""
        response = info_response(
            self._holder.current.info(),
            service_version=self._version,
            uptime_s=time.monotonic() - self._started_s,
            reported=self._completions.reported,
        )
        fill_drift(response, self._drift)
        fill_swaps(response, self._holder, self._switcher)
        return response

    def handler(self) -> grpc.GenericRpcHandler:
        """The RPCs as gRPC takes them."""
        unary = grpc.unary_unary_rpc_method_handler
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "Predict": unary(
                    self._guarded("Predict", self.predict),
                    tolerant(pb.PredictRequest),
                    pb.PredictResponse.SerializeToString,
                ),
                "PredictBatch": unary(
                    self._guarded("PredictBatch", self.predict_batch),
                    tolerant(pb.PredictBatchRequest),
                    pb.PredictBatchResponse.SerializeToString,
                ),
                "PredictStream": grpc.stream_stream_rpc_method_handler(
                    self._guarded("PredictStream", self.predict_stream),
                    tolerant(pb.PredictStreamRequest),
                    pb.PredictStreamResponse.SerializeToString,
                ),
                "Report": unary(
                    self._guarded("Report", self.report),
                    tolerant(pb.ReportRequest),
                    pb.ReportResponse.SerializeToString,
                ),
                "GetIndexInfo": unary(
                    self._guarded("GetIndexInfo", self.get_index_info),
                    tolerant(pb.GetIndexInfoRequest),
                    pb.GetIndexInfoResponse.SerializeToString,
                ),
            },
        )

    def _guarded(
        self, name: str, method: Callable[[Q, Context], Awaitable[R]]
    ) -> Callable[[Q | Malformed, Context], Awaitable[R | None]]:
        """Turn errors into gRPC statuses: those we raise as they are, others under an id."""

        async def call(request: Q | Malformed, context: Context) -> R | None:
            try:
                self.check_accepting()
            except NotServingError as error:
                await context.abort(error.status, str(error))
            self._active += 1
            try:
                if isinstance(request, Malformed):
                    raise InvalidRequestError(request.reason)  # noqa: TRY301  one way out
                return await method(request, context)
            except CallError as error:
                refusal = error
            except grpc.aio.BaseError:  # the connection is gone: nobody to tell
                raise
            except Exception as error:  # noqa: BLE001  becomes INTERNAL with an id
                refusal = unexpected(error, where=name)
            finally:
                self._active -= 1
                self._note_drained()
            await context.abort(refusal.status, str(refusal))
            return None

        return call

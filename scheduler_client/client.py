"""The client for threads."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

import grpc

from lengthwise.index_info import LOADING_TIMEOUT_S, IndexInfo, IndexSwitch
from lengthwise.prediction import Prediction
from lengthwise.request import (
    AnyChatMessage,
    CompletedRequest,
    PredictionQuery,
    ReportReceipt,
    as_query,
)
from lengthwise.v1 import index_admin_pb2 as admin_pb
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1.index_admin_pb2_grpc import IndexAdminStub
from lengthwise.v1.length_predictor_pb2_grpc import LengthPredictorStub
from scheduler_client.base import ClientBase, status_of
from scheduler_client.errors import LengthPredictorError
from scheduler_client.health import (
    HEALTH_CHECK_METHOD,
    HealthStatus,
    decode_health_response,
    encode_health_request,
)
from scheduler_client.outcome import Outcome
from scheduler_client.request_batch import (
    Parcel,
    StreamLedger,
    encode_within,
    messages_in_flight,
    outcomes,
    pack,
    pack_completions,
    predictions_or_raise,
)
from scheduler_client.wire import decode_index_info, decode_prediction, decode_switch

_Answer = TypeVar("_Answer")


class LengthPredictorClient(ClientBase):
    """Asks a Lengthwise service; safe to share between threads.

    It connects at the first call. Use it as a context manager, or close() it. See ClientBase for
    the arguments, and errors.py for what the methods raise.
    """

    def _prepare(self) -> None:
        target = self._config.resolve()
        options = self._config.grpc_options(target)
        credentials = self._config.channel_credentials()
        if credentials is None:
            self._channel = grpc.insecure_channel(target.uri, options)
        else:
            self._channel = grpc.secure_channel(target.uri, credentials, options)
        self._stub = LengthPredictorStub(self._channel)
        self._admin = IndexAdminStub(self._channel)
        self._check_health = self._channel.unary_unary(
            HEALTH_CHECK_METHOD,
            request_serializer=encode_health_request,
            response_deserializer=decode_health_response,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls under way end with ClientClosedError."""
        self._closed = True
        self._channel.close()

    def predict(
        self,
        prompt: str | PredictionQuery = "",
        *,
        messages: Sequence[AnyChatMessage] | None = None,
        model: str | None = None,
        max_tokens: int | None = None,
        request_id: str | None = None,
        neighbour_count: int | None = None,
        include_neighbour_text: bool | None = None,
        temperature: float | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """Predict how long the answer to one prompt will be.

        Args:
            prompt: The prompt as the LLM will see it, or a whole query; options given here win
                over the query's. PredictionQuery says what each means.
            messages: The conversation, instead of a prompt.
            model: The LLM that will answer.
            max_tokens: The limit on generated tokens.
            request_id: Given back in the prediction.
            neighbour_count: How many past prompts to name.
            include_neighbour_text: Also give their text.
            temperature: Of the sampling.
            timeout_s: Deadline of this call, in seconds, instead of the client's.

        Raises:
            LengthPredictorError: One of its subclasses says why there is no prediction.
        """
        query = as_query(
            prompt,
            messages=messages,
            model=model,
            max_tokens=max_tokens,
            request_id=request_id,
            neighbour_count=neighbour_count,
            include_neighbour_text=include_neighbour_text,
            temperature=temperature,
        )
        request = encode_within(query, self._config.max_send_bytes)
        return decode_prediction(self._call(self._stub.Predict, request, timeout_s))

    @overload
    def predict_many(
        self,
        prompts: Iterable[str | PredictionQuery],
        *,
        raise_on_failure: Literal[True],
        timeout_s: float | None = None,
    ) -> list[Prediction]: ...

    @overload
    def predict_many(
        self,
        prompts: Iterable[str | PredictionQuery],
        *,
        raise_on_failure: Literal[False] = False,
        timeout_s: float | None = None,
    ) -> list[Outcome]: ...

    def predict_many(
        self,
        prompts: Iterable[str | PredictionQuery],
        *,
        raise_on_failure: bool = False,
        timeout_s: float | None = None,
    ) -> list[Prediction] | list[Outcome]:
        """Predict for many prompts, a few messages in all, one outcome per prompt in their order.

        Args:
            prompts: Prompts, or queries where options are wanted.
            raise_on_failure: Raise the first failure rather than give it as a PredictionFailure in
                its place.
            timeout_s: Deadline of each message of up to 256 prompts, in seconds.

        Raises:
            LengthPredictorError: If a message failed as a whole: nothing answered, or not in time.
        """
        answers: list[Outcome] = []
        for parcel in pack(prompts, self._config.max_send_bytes):
            request = pb.PredictBatchRequest(requests=[item.request for item in parcel])
            response = self._call(self._stub.PredictBatch, request, timeout_s)
            answers += outcomes(parcel, response.results)
        return predictions_or_raise(answers) if raise_on_failure else answers

    def predict_stream(
        self,
        prompts: Iterable[str | PredictionQuery],
        *,
        prompts_per_message: int = 1,
        max_in_flight: int = 256,
        timeout_s: float | None = None,
    ) -> Iterator[Outcome]:
        """Predict for prompts as they come; outcomes come in the same order.

        `prompts` is read in another thread, ahead of the outcomes by `max_in_flight` at most. If it
        raises, what was sent is answered and then the same exception is raised here. Leaving the
        loop early ends the stream.

        Args:
            prompts: Prompts or queries; may be endless.
            prompts_per_message: How many to gather into a message. More is cheaper, but the first
                of them waits for the last.
            max_in_flight: Prompts sent and not yet answered, at most.
            timeout_s: Deadline of the whole stream, in seconds; default the client's
                stream_timeout_s.

        Raises:
            LengthPredictorError: If the stream failed; outcomes already given stand.
        """
        deadline_s = self._deadline_s(timeout_s, self._config.stream_timeout_s)
        window = threading.Semaphore(messages_in_flight(max_in_flight, prompts_per_message))
        ledger = StreamLedger()
        parcels = pack(prompts, self._config.max_send_bytes, prompts_per_message)
        return self._stream(_stream_messages(parcels, ledger, window), ledger, window, deadline_s)

    def report(
        self, completions: Iterable[CompletedRequest], *, timeout_s: float | None = None
    ) -> ReportReceipt:
        """Report true lengths; returns once the service has stored them.

        Reporting a request_id again changes nothing: after an error, report the same again.

        Raises:
            InvalidRequestError: If one cannot be sent (then none is), or the service refuses one.
            LengthPredictorError: If the service did not acknowledge.
        """
        stored = duplicates = 0
        for request in pack_completions(completions, self._config.max_send_bytes):
            response: pb.ReportResponse = self._call(self._stub.Report, request, timeout_s)
            stored += response.stored
            duplicates += response.duplicates
        return ReportReceipt(stored, duplicates)

    def health(self, service: str = "", *, timeout_s: float | None = None) -> HealthStatus:
        """Ask whether the server (or one service of it, by its full name) serves.

        Of several addresses it asks one.

        Raises:
            LengthPredictorError: If nothing answers, or without a health service.
        """
        try:
            return self._call(self._check_health, service, timeout_s)
        except LengthPredictorError as error:
            if status_of(error.__cause__) is grpc.StatusCode.NOT_FOUND:
                return HealthStatus.SERVICE_UNKNOWN
            raise

    def info(self, *, timeout_s: float | None = None) -> IndexInfo:
        """Ask what the served index holds."""
        request = pb.GetIndexInfoRequest()
        return decode_index_info(self._call(self._stub.GetIndexInfo, request, timeout_s))

    def switch_index(self, version: str = "", *, timeout_s: float | None = None) -> IndexSwitch:
        """Have another version of the index served; returns once it is.

        Args:
            version: Which; empty for the newest.
            timeout_s: Deadline in seconds; by default LOADING_TIMEOUT_S, since an index is read
                and checked meanwhile.

        Raises:
            AccessDeniedError: If the token is not the admin's.
            InvalidRequestError: If there is no such version, or it is broken: then the one before
                is served as ever.
            LengthPredictorError: If the service cannot be reached.
        """
        request = admin_pb.SwitchIndexRequest(version=version)
        timeout_s = LOADING_TIMEOUT_S if timeout_s is None else timeout_s
        return decode_switch(self._call(self._admin.SwitchIndex, request, timeout_s))

    def roll_back(self, *, timeout_s: float | None = None) -> IndexSwitch:
        """Have the version served that was served before; see `switch_index`."""
        request = admin_pb.RollBackRequest()
        timeout_s = LOADING_TIMEOUT_S if timeout_s is None else timeout_s
        return decode_switch(self._call(self._admin.RollBack, request, timeout_s))

    def _call(
        self, method: Callable[..., _Answer], request: object, timeout_s: float | None
    ) -> _Answer:
        deadline_s = self._deadline_s(timeout_s, self._config.timeout_s)
        try:
            return method(request, **self._options(deadline_s))
        except grpc.RpcError as error:
            raise self._translate(error, deadline_s) from error

    def _stream(
        self,
        messages: Iterator[pb.PredictStreamRequest],
        ledger: StreamLedger,
        window: threading.Semaphore,
        deadline_s: float,
    ) -> Iterator[Outcome]:
        call: Any = self._stub.PredictStream(messages, **self._options(deadline_s))
        try:
            for response in call:
                answers = ledger.answered(response)
                window.release()
                yield from answers
            ledger.close()
        except grpc.RpcError as error:
            raise self._translate(error, deadline_s) from error
        finally:
            ledger.stopped = True
            window.release()
            call.cancel()


def _stream_messages(
    parcels: Iterator[Parcel], ledger: StreamLedger, window: threading.Semaphore
) -> Iterator[pb.PredictStreamRequest]:
    """What gRPC sends, in a thread of its own; an exception in here would only be logged there."""
    try:
        for parcel in parcels:
            window.acquire()
            if ledger.stopped:
                return
            yield pb.PredictStreamRequest(requests=ledger.sent(parcel))
    except Exception as error:  # noqa: BLE001  it is the caller's own, raised on the caller's side
        ledger.source_error = error
    ledger.all_sent = True

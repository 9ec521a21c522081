"""The client for threads."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import grpc

from lengthwise.index_info import IndexInfo, IndexSwitch
from lengthwise.prediction import Prediction
from lengthwise.request import (
    CompletedRequest,
    PredictionQuery,
    QueryOptions,
    ReportReceipt,
    as_query,
)
from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client import calls
from scheduler_client.base import ClientBase
from scheduler_client.errors import LengthPredictorError
from scheduler_client.health import HealthStatus
from scheduler_client.outcome import Outcome
from scheduler_client.request_batch import (
    OutstandingBatches,
    RequestBatch,
    messages_in_flight,
    pack,
)

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
        self._methods = calls.methods_of(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls under way end with ClientClosedError."""
        self._closed = True
        self._channel.close()

    def predict(
        self,
        prompt: str | PredictionQuery = "",
        *,
        timeout_s: float | None = None,
        **options: Unpack[QueryOptions],
    ) -> Prediction:
        """Predict how long the answer to one prompt will be.

        Args:
            prompt: The prompt as the LLM will see it, or a whole query.
            timeout_s: Deadline of this call, in seconds, instead of the client's.
            options: Fields of a PredictionQuery, which says what each means: `messages` instead of
                a prompt, `model`, `max_tokens` and so on. They win over those of a given query.

        Raises:
            LengthPredictorError: One of its subclasses says why there is no prediction.
        """
        query = as_query(prompt, **options)
        return self._ask(calls.predict(query, self._config.max_send_bytes), timeout_s)

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
        for call in calls.predict_many(prompts, self._config.max_send_bytes):
            answers += self._ask(call, timeout_s)
        return calls.predictions_or_raise(answers) if raise_on_failure else answers

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
        outstanding = OutstandingBatches()
        batches = pack(prompts, self._config.max_send_bytes, prompts_per_message)
        messages = _stream_messages(batches, outstanding, window)
        return self._stream(messages, outstanding, window, deadline_s)

    def report(
        self, completions: Iterable[CompletedRequest], *, timeout_s: float | None = None
    ) -> ReportReceipt:
        """Report true lengths; returns once the service has stored them.

        Reporting a request_id again changes nothing: after an error, report the same again.

        Raises:
            InvalidRequestError: If one cannot be sent (then none is), or the service refuses one.
            LengthPredictorError: If the service did not acknowledge.
        """
        messages = calls.report(completions, self._config.max_send_bytes)
        return calls.total([self._ask(message, timeout_s) for message in messages])

    def health(self, service: str = "", *, timeout_s: float | None = None) -> HealthStatus:
        """Ask whether the server (or one service of it, by its full name) serves.

        Of several addresses it asks one.

        Raises:
            LengthPredictorError: If nothing answers, or without a health service.
        """
        try:
            return self._ask(calls.health(service), timeout_s)
        except LengthPredictorError as error:
            return calls.unknown_service_or_raise(error)

    def info(self, *, timeout_s: float | None = None) -> IndexInfo:
        """Ask what the served index holds."""
        return self._ask(calls.info(), timeout_s)

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
        return self._ask(calls.switch_index(version), timeout_s)

    def roll_back(self, *, timeout_s: float | None = None) -> IndexSwitch:
        """Have the version served that was served before; see `switch_index`."""
        return self._ask(calls.roll_back(), timeout_s)

    def _ask(self, call: calls.Call[_Answer], timeout_s: float | None) -> _Answer:
        deadline_s = self._deadline_s(timeout_s, call.timeout_s or self._config.timeout_s)
        try:
            response = self._methods[call.method](call.request, **self._options(deadline_s))
        except grpc.RpcError as error:
            raise self._translate(error, deadline_s) from error
        return call.decode(response)

    def _stream(
        self,
        messages: Iterator[pb.PredictStreamRequest],
        outstanding: OutstandingBatches,
        window: threading.Semaphore,
        deadline_s: float,
    ) -> Iterator[Outcome]:
        call: Any = self._methods["PredictStream"](messages, **self._options(deadline_s))
        try:
            for response in call:
                answers = outstanding.answered(response)
                window.release()
                yield from answers
            outstanding.close()
        except grpc.RpcError as error:
            raise self._translate(error, deadline_s) from error
        finally:
            outstanding.stopped = True
            window.release()
            call.cancel()


def _stream_messages(
    batches: Iterator[RequestBatch], outstanding: OutstandingBatches, window: threading.Semaphore
) -> Iterator[pb.PredictStreamRequest]:
    """What gRPC sends, in a thread of its own; an exception in here would only be logged there."""
    try:
        for batch in batches:
            window.acquire()
            if outstanding.stopped:
                return
            yield pb.PredictStreamRequest(requests=outstanding.sent(batch))
    except Exception as error:  # noqa: BLE001  it is the caller's own, raised on the caller's side
        outstanding.source_error = error
    outstanding.all_sent = True

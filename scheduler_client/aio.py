"""The client for asyncio: the twin of client.py."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Sequence,
)
from contextlib import aclosing, contextmanager
from functools import cached_property
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
from scheduler_client.aio_stream import pack_async, pack_batches, write_parcels
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
    Packer,
    Parcel,
    StreamLedger,
    encode_within,
    messages_in_flight,
    outcomes,
    pack,
    pack_completions,
    predictions_or_raise,
    refuse_one_string,
)
from scheduler_client.wire import decode_index_info, decode_prediction, decode_switch

_Answer = TypeVar("_Answer")


class AsyncLengthPredictorClient(ClientBase):
    """Asks a Lengthwise service without blocking the event loop.

    It connects at the first call, to the event loop that this runs in, and belongs to it from then
    on. Use it as an asynchronous context manager, or close() it. Cancelling a task that waits for
    an answer cancels the call. See ClientBase for the arguments, and errors.py for what the methods
    raise.
    """

    _channel: grpc.aio.Channel | None = None

    def _prepare(self) -> None:
        self._resolved = self._config.resolve()
        self._credentials = self._config.channel_credentials()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls under way end with ClientClosedError."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    def _open_channel(self) -> grpc.aio.Channel:
        """The channel, opened at the first call, when the event loop is known to run."""
        self._check_open()
        if self._channel is None:
            options = self._config.grpc_options(self._resolved)
            uri, credentials = self._resolved.uri, self._credentials
            self._channel = (
                grpc.aio.insecure_channel(uri, options)
                if credentials is None
                else grpc.aio.secure_channel(uri, credentials, options)
            )
        return self._channel

    @cached_property
    def _stub(self) -> LengthPredictorStub:
        return LengthPredictorStub(self._open_channel())

    @cached_property
    def _admin(self) -> IndexAdminStub:
        return IndexAdminStub(self._open_channel())

    @cached_property
    def _check_health(self) -> Callable[..., Awaitable[HealthStatus]]:
        return self._open_channel().unary_unary(
            HEALTH_CHECK_METHOD,
            request_serializer=encode_health_request,
            response_deserializer=decode_health_response,
        )

    async def predict(
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
        return decode_prediction(await self._call(self._stub.Predict, request, timeout_s))

    @overload
    async def predict_many(
        self,
        prompts: Iterable[str | PredictionQuery],
        *,
        raise_on_failure: Literal[True],
        timeout_s: float | None = None,
    ) -> list[Prediction]: ...

    @overload
    async def predict_many(
        self,
        prompts: Iterable[str | PredictionQuery],
        *,
        raise_on_failure: Literal[False] = False,
        timeout_s: float | None = None,
    ) -> list[Outcome]: ...

    async def predict_many(
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
            response = await self._call(self._stub.PredictBatch, request, timeout_s)
            answers += outcomes(parcel, response.results)
        return predictions_or_raise(answers) if raise_on_failure else answers

    def predict_stream(
        self,
        prompts: Iterable[str | PredictionQuery] | AsyncIterable[str | PredictionQuery],
        *,
        prompts_per_message: int = 1,
        max_in_flight: int = 256,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Outcome]:
        """Predict for prompts as they come; outcomes come in the same order.

        `prompts` is read in another task, ahead of the outcomes by `max_in_flight` at most. If it
        raises, what was sent is answered and then the same exception is raised here. To leave the
        loop early, use contextlib.aclosing() around the iterator: it ends the stream at once.

        Args:
            prompts: Prompts or queries, from a plain or an asynchronous iterator; may be endless.
            prompts_per_message: How many to gather into a message. More is cheaper, but the first
                of them waits for the last.
            max_in_flight: Prompts sent and not yet answered, at most.
            timeout_s: Deadline of the whole stream, in seconds; default the client's
                stream_timeout_s.

        Raises:
            LengthPredictorError: If the stream failed; outcomes already given stand.
        """
        refuse_one_string(prompts)
        deadline_s = self._deadline_s(timeout_s, self._config.stream_timeout_s)
        window = asyncio.Semaphore(messages_in_flight(max_in_flight, prompts_per_message))
        packer = Packer(prompts_per_message, self._config.max_send_bytes)
        return self._singly(self._stream(pack_async(prompts, packer), window, deadline_s))

    async def predict_batches(
        self,
        batches: AsyncIterable[Sequence[str | PredictionQuery]],
        *,
        max_in_flight: int = 16,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[list[Outcome]]:
        """Predict for batches as they come, over one stream; each goes as one message, and at once.

        As `predict_stream`, but whoever calls decides what is sent together. A batch that is too
        large for a message is divided.

        Args:
            batches: Read in another task, ahead of the outcomes by `max_in_flight` at most.
            max_in_flight: Messages sent and not yet answered, at most.
            timeout_s: Deadline of the whole stream, in seconds; default the client's
                stream_timeout_s.

        Yields:
            The outcomes of a message, in the order of what was asked.

        Raises:
            LengthPredictorError: If the stream failed; outcomes already given stand.
        """
        deadline_s = self._deadline_s(timeout_s, self._config.stream_timeout_s)
        window = asyncio.Semaphore(max_in_flight)
        parcels = pack_batches(batches, self._config.max_send_bytes)
        async with aclosing(self._stream(parcels, window, deadline_s)) as answered:
            async for answers in answered:
                yield answers

    async def report(
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
            response: pb.ReportResponse = await self._call(self._stub.Report, request, timeout_s)
            stored += response.stored
            duplicates += response.duplicates
        return ReportReceipt(stored, duplicates)

    async def health(self, service: str = "", *, timeout_s: float | None = None) -> HealthStatus:
        """Ask whether the server (or one service of it, by its full name) serves.

        Of several addresses it asks one.

        Raises:
            LengthPredictorError: If nothing answers, or without a health service.
        """
        try:
            return await self._call(self._check_health, service, timeout_s)
        except LengthPredictorError as error:
            if status_of(error.__cause__) is grpc.StatusCode.NOT_FOUND:
                return HealthStatus.SERVICE_UNKNOWN
            raise

    async def info(self, *, timeout_s: float | None = None) -> IndexInfo:
        """Ask what the served index holds."""
        request = pb.GetIndexInfoRequest()
        return decode_index_info(await self._call(self._stub.GetIndexInfo, request, timeout_s))

    async def switch_index(
        self, version: str = "", *, timeout_s: float | None = None
    ) -> IndexSwitch:
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
        return decode_switch(await self._call(self._admin.SwitchIndex, request, timeout_s))

    async def roll_back(self, *, timeout_s: float | None = None) -> IndexSwitch:
        """Have the version served that was served before; see `switch_index`."""
        request = admin_pb.RollBackRequest()
        timeout_s = LOADING_TIMEOUT_S if timeout_s is None else timeout_s
        return decode_switch(await self._call(self._admin.RollBack, request, timeout_s))

    async def _call(
        self, method: Callable[..., Awaitable[_Answer]], request: object, timeout_s: float | None
    ) -> _Answer:
        deadline_s = self._deadline_s(timeout_s, self._config.timeout_s)
        with self._translating(deadline_s):
            return await method(request, **self._options(deadline_s))

    @contextmanager
    def _translating(self, deadline_s: float) -> Generator[None]:
        """Raise the errors of a call as the client's own."""
        try:
            yield
        except grpc.RpcError as error:
            raise self._translate(error, deadline_s) from error
        except asyncio.CancelledError:
            # A closed channel cancels its calls, though nobody cancelled the task that awaits them.
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise self._closed_error() from None
            raise

    async def _singly(self, answered: AsyncGenerator[list[Outcome]]) -> AsyncIterator[Outcome]:
        async with aclosing(answered):
            async for answers in answered:
                for answer in answers:
                    yield answer

    async def _stream(
        self, parcels: AsyncGenerator[Parcel], window: asyncio.Semaphore, deadline_s: float
    ) -> AsyncGenerator[list[Outcome]]:
        call: Any = self._stub.PredictStream(**self._options(deadline_s))
        ledger = StreamLedger()
        writer = asyncio.create_task(write_parcels(call, parcels, ledger, window))
        try:
            with self._translating(deadline_s):
                while isinstance(response := await call.read(), pb.PredictStreamResponse):
                    answers = ledger.answered(response)
                    window.release()
                    yield answers
            ledger.close()
        finally:
            writer.cancel()
            call.cancel()
            await asyncio.gather(writer, return_exceptions=True)

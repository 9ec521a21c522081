"""The client for asyncio. What its methods mean stands at those of client.py, its twin."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Sequence,
)
from contextlib import aclosing, contextmanager, suppress
from functools import cached_property
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
    Packer,
    RequestBatch,
    messages_in_flight,
    pack,
    refuse_one_string,
)

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

    async def __aexit__(self, *_: object) -> None:
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
    def _methods(self) -> calls.Methods:
        return calls.methods_of(self._open_channel())

    async def predict(
        self,
        prompt: str | PredictionQuery = "",
        *,
        timeout_s: float | None = None,
        **options: Unpack[QueryOptions],
    ) -> Prediction:
        query = as_query(prompt, **options)
        return await self._ask(calls.predict(query, self._config.max_send_bytes), timeout_s)

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
        answers: list[Outcome] = []
        for call in calls.predict_many(prompts, self._config.max_send_bytes):
            answers += await self._ask(call, timeout_s)
        return calls.predictions_or_raise(answers) if raise_on_failure else answers

    def predict_stream(
        self,
        prompts: Iterable[str | PredictionQuery] | AsyncIterable[str | PredictionQuery],
        *,
        prompts_per_message: int = 1,
        max_in_flight: int = 256,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Outcome]:
        """Predict for prompts as they come; outcomes come in the same order.

        `prompts` may be an asynchronous iterator, too, and is read in another task. To leave the
        loop early, use contextlib.aclosing() around the iterator: it ends the stream at once.
        """
        refuse_one_string(prompts)
        deadline_s = self._deadline_s(timeout_s, self._config.stream_timeout_s)
        window = asyncio.Semaphore(messages_in_flight(max_in_flight, prompts_per_message))
        packer = Packer(prompts_per_message, self._config.max_send_bytes)
        return self._singly(self._stream(_pack(prompts, packer), window, deadline_s))

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
        messages = _pack_batches(batches, self._config.max_send_bytes)
        async with aclosing(self._stream(messages, window, deadline_s)) as answered:
            async for answers in answered:
                yield answers

    async def report(
        self, completions: Iterable[CompletedRequest], *, timeout_s: float | None = None
    ) -> ReportReceipt:
        messages = calls.report(completions, self._config.max_send_bytes)
        return calls.total([await self._ask(message, timeout_s) for message in messages])

    async def health(self, service: str = "", *, timeout_s: float | None = None) -> HealthStatus:
        try:
            return await self._ask(calls.health(service), timeout_s)
        except LengthPredictorError as error:
            return calls.unknown_service_or_raise(error)

    async def info(self, *, timeout_s: float | None = None) -> IndexInfo:
        return await self._ask(calls.info(), timeout_s)

    async def switch_index(
        self, version: str = "", *, timeout_s: float | None = None
    ) -> IndexSwitch:
        return await self._ask(calls.switch_index(version), timeout_s)

    async def roll_back(self, *, timeout_s: float | None = None) -> IndexSwitch:
        return await self._ask(calls.roll_back(), timeout_s)

    async def _ask(self, call: calls.Call[_Answer], timeout_s: float | None) -> _Answer:
        method = self._methods[call.method]
        deadline_s = self._deadline_s(timeout_s, call.timeout_s or self._config.timeout_s)
        with self._translating(deadline_s):
            response = await method(call.request, **self._options(deadline_s))
        return call.decode(response)

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
        self, batches: AsyncGenerator[RequestBatch], window: asyncio.Semaphore, deadline_s: float
    ) -> AsyncGenerator[list[Outcome]]:
        call: Any = self._methods["PredictStream"](**self._options(deadline_s))
        outstanding = OutstandingBatches()
        writer = asyncio.create_task(_write(call, batches, outstanding, window))
        try:
            with self._translating(deadline_s):
                while isinstance(response := await call.read(), pb.PredictStreamResponse):
                    answers = outstanding.answered(response)
                    window.release()
                    yield answers
            outstanding.close()
        finally:
            writer.cancel()
            call.cancel()
            await asyncio.gather(writer, return_exceptions=True)


async def _pack(
    prompts: Iterable[str | PredictionQuery] | AsyncIterable[str | PredictionQuery],
    packer: Packer,
) -> AsyncGenerator[RequestBatch]:
    """Pack queries of either kind of iterator into batches as they come."""
    if isinstance(prompts, AsyncIterable):
        async for prompt in prompts:
            for batch in packer.add(prompt):
                yield batch
    else:
        for prompt in prompts:
            for batch in packer.add(prompt):
                yield batch
    for batch in packer.rest():
        yield batch


async def _pack_batches(
    batches: AsyncIterable[Sequence[str | PredictionQuery]], max_bytes: int
) -> AsyncGenerator[RequestBatch]:
    """Pack each batch into as few messages as hold it."""
    async for batch in batches:
        for message in pack(batch, max_bytes):
            yield message


async def _write(
    call: Any,
    batches: AsyncGenerator[RequestBatch],
    outstanding: OutstandingBatches,
    window: asyncio.Semaphore,
) -> None:
    """Send batches until there are no more, or nobody takes them."""
    try:
        async with aclosing(batches):
            async for batch in batches:
                await window.acquire()
                if not await _written(call, outstanding.sent(batch)):
                    return
    except Exception as error:  # noqa: BLE001  it is the caller's own, raised on the caller's side
        outstanding.source_error = error
    outstanding.all_sent = True
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        await call.done_writing()


async def _written(call: Any, requests: list[pb.PredictRequest]) -> bool:
    """Whether the message went; if not, the reading side learns why."""
    try:
        await call.write(pb.PredictStreamRequest(requests=requests))
    except (grpc.RpcError, asyncio.InvalidStateError):
        return False
    return True

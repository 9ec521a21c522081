"""Asks the predictor and reports to it, beside the engine core, never in its way."""

import asyncio
import socket
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any

from lengthwise.chat_template import ChatTemplate
from lengthwise.prediction import Prediction
from lengthwise.request import MAX_OUTPUT_TOKENS, CompletedRequest, PredictionQuery
from scheduler_client.advisor.asker import Answer, Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.known_requests import KnownRequests
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.advisor.service_time_fit import ServiceTimeFit
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.advisor.typical_lengths import TypicalLengths
from scheduler_client.vllm_plugin.messages import Arrived, Ended, EngineInfo, Learnt, ToSidecar
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.sidecar.board import Board
from scheduler_client.vllm_plugin.sidecar.core_link import CoreLink
from scheduler_client.vllm_plugin.text import (
    load_template,
    load_tokenizer,
    prompt_text,
    tokens_until_stop,
)


@dataclass(slots=True)
class Known:
    """A request that has not ended.

    Args:
        query: What the predictor is asked; its prompt is empty if the request has no text.
        answer: Of the predictor; None if nobody was asked.
        predicted_tokens: None while nothing was predicted.
    """

    query: PredictionQuery
    answer: "asyncio.Future[Answer] | None" = None
    predicted_tokens: float | None = None


TELL_EVERY_S = 1.0
"""What was learnt changes slowly."""

AGAIN_AFTER_S = 1.0
"""What failed by a fault of ours may fail at once again."""

INFO_TIMEOUT_S = 5.0
"""A predictor that is there answers in milliseconds; nobody waits for this one."""

FIRST_BACKOFF_S, MAX_BACKOFF_S = 1.0, 60.0


class Sidecar:
    """Everything of the plugin that takes time. It belongs to one event loop.

    Args:
        settings: Where the predictor is, and how it is asked.
        core: The socket to the engine core.
        board: Tells the core that there is something to read, and what the core has counted.
        metrics: Counts predictions, endings and failures of this process.
    """

    def __init__(
        self, settings: AdvisorSettings, core: socket.socket, board: Board, metrics: PluginMetrics
    ) -> None:
        self._settings = settings
        self._board = board
        self._log = RateLimitedLog(time.monotonic)
        self._link = CoreLink(core, board, self._log)
        self._connection = Connection(settings)
        self._asker = Asker(settings, self._connection, self._log)
        self._reporter = Reporter(settings, self._connection, self._log)
        self._metrics = metrics
        self._typical = TypicalLengths()
        self._speed = ServiceTimeFit()
        self._known = KnownRequests[int, Known]()
        self._tokenizer: Any = None
        self._template: ChatTemplate | None = None
        # Ids come again (a restarted engine counts from 0, callers choose them): reports must not.
        self._run_id = uuid.uuid4().hex[:12]

    async def run(self) -> None:
        """Serve the core until it ends, then send the last reports."""
        first = await self._link.read()
        if first is None:
            return
        (engine,) = first
        assert isinstance(engine, EngineInfo)  # noqa: S101  the core's first message
        if self._settings.metrics_port:
            self._metrics.serve(self._settings.metrics_port + engine.engine_index)
        if self._settings.report:
            self._reporter.start()
        background = [
            asyncio.create_task(self._go_on("speaking to the engine core", self._link.write)),
            asyncio.create_task(self._go_on("telling what was learnt", self._tell)),
            asyncio.create_task(self._seed()),
        ]
        if engine.tokenizer is not None:
            await self._load_tokenizer(engine.tokenizer)
        await self._read()
        for task in background:
            task.cancel()
        await self._asker.close()
        await self._reporter.close()
        await self._connection.close()
        self._follow()

    async def _go_on(self, doing: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do what never ends; after a fault again, or nothing would be said for good."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001  the next message may do
                self._log.fault(doing, error)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _load_tokenizer(self, arguments: dict[str, Any]) -> None:
        try:
            self._tokenizer = await asyncio.to_thread(load_tokenizer, **arguments)
        except Exception as error:  # noqa: BLE001  requests then go by what is typical
            self._log.warn(
                "tokenizer",
                f"the tokenizer was not loaded, so nothing is predicted or reported: {error}",
            )
            return
        try:
            self._template = await asyncio.to_thread(load_template, **arguments)
        except Exception as error:  # noqa: BLE001  chats are then read by the families of templates
            self._log.warn("template", f"the chat template was not learnt: {error}")

    async def _read(self) -> None:
        """Take in what the core says, until it ends."""
        while (messages := await self._link.read()) is not None:
            for message in messages:
                self._take(message)
            await asyncio.sleep(0)  # the network's turn: detokenising takes its time

    def _take(self, message: ToSidecar) -> None:
        try:
            if isinstance(message, Arrived):
                self._arrived(message)
            elif isinstance(message, Ended):
                self._ended(message)
        except Exception as error:  # noqa: BLE001  one request's fault must not be another's
            self._log.fault(f"taking in {type(message).__name__}", error)

    def _arrived(self, arrived: Arrived) -> None:
        number = arrived.number
        if number in self._known:  # whoever it was told by: it is asked about and counted once
            return
        query = PredictionQuery(
            prompt=self._text(arrived.token_ids),
            model=arrived.model,
            max_tokens=arrived.max_tokens or None,
            temperature=arrived.temperature,
            neighbour_count=0,  # no past prompt is shown to anyone: none need be sent
        )
        known = Known(query)
        self._known.add(number, known, len(query.prompt))
        if arrived.asking != "ask":
            self._metrics.not_asked(arrived.asking)
            return
        known.answer = self._asker.ask(query)
        known.answer.add_done_callback(partial(self._answered, number, known, time.monotonic()))

    def _text(self, token_ids: list[int]) -> str:
        try:
            return prompt_text(self._tokenizer, token_ids, self._template)
        except Exception as error:  # noqa: BLE001  a request without text has an end all the same
            self._log.fault("reading a prompt", error)
            return ""

    def _answered(
        self, number: int, known: Known, asked_s: float, done: "asyncio.Future[Answer]"
    ) -> None:
        if done.cancelled():
            self._metrics.fell_back("not_asked")
            return
        answer = done.result()
        if not isinstance(answer, Prediction):
            self._link.unknown(number)
            self._metrics.fell_back(answer)
            return
        try:
            tokens = _expected_tokens(answer)
            self._link.predicted(number, tokens, answer.distribution())
        except (ArithmeticError, ValueError) as error:
            self._log.warn("nonsense", f"the prediction cannot be one: {error}")
            self._link.unknown(number)
            self._metrics.fell_back("predictor_error")
        else:
            known.predicted_tokens = tokens
            self._metrics.predicted(time.monotonic() - asked_s)

    def _ended(self, ended: Ended) -> None:
        known = self._known.pop(ended.number)
        if known is None:
            if ended.finished.completed:
                self._metrics.unknown_end()
            return
        if known.answer is not None and not known.answer.done():
            known.answer.cancel()
        query = known.query
        if query.max_tokens == 1:
            return  # scores, steps of a beam search: one token says nothing of the LLM
        finished = self._finished(ended)
        if not finished.completed:
            return
        self._speed.add(finished)
        self._typical.add(query.model, finished.output_tokens)
        if known.predicted_tokens is not None and not finished.censored:
            self._metrics.judged(known.predicted_tokens, finished.output_tokens)
        if self._settings.report and query.prompt:
            self._report(ended, query, finished)

    def _finished(self, ended: Ended) -> FinishedRequest:
        """How a request has ended: a caller's abort may be a stop string that the core sees not."""
        finished = ended.finished
        if finished.finish_reason != "abort" or not ended.stop:
            return finished
        stopped = tokens_until_stop(
            self._tokenizer,
            ended.output_ids,
            ended.stop,
            skip_special_tokens=ended.skip_special_tokens,
        )
        if stopped is None:
            return finished
        tokens = finished.output_tokens - len(ended.output_ids) + stopped
        return replace(finished, output_tokens=tokens, finish_reason="stop")

    def _report(self, ended: Ended, query: PredictionQuery, finished: FinishedRequest) -> None:
        self._reporter.put(
            CompletedRequest(
                request_id=f"{ended.request_id}#{self._run_id}-{ended.number}",
                output_tokens=finished.output_tokens,
                prompt=query.prompt,
                model=query.model,
                finish_reason="length" if finished.censored else "stop",
                **query.sampling_options(),
            )
        )

    async def _tell(self) -> None:
        """Bring metrics and the core's knowledge up to date, once in a while."""
        told = None
        while True:
            self._follow()
            learnt = Learnt(
                astuple(self._speed.model), self._typical.of_models(), self._typical.of_all_tokens
            )
            if learnt != told:
                told = learnt
                self._link.learnt(learnt)
            await asyncio.sleep(TELL_EVERY_S)

    def _follow(self) -> None:
        self._metrics.follow(self._asker, self._reporter, self._log.faults)
        self._metrics.follow_engine(self._board, self._speed.model)

    async def _seed(self) -> None:
        """Ask until the predictor answers what its history knows of LLMs."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            try:
                client = await self._connection.client()
                self._typical.seed((await client.info(timeout_s=INFO_TIMEOUT_S)).models)
            except Exception as error:  # noqa: BLE001  without it the start values do, and time helps
                self._log.warn("info", f"the predictor does not say what it knows yet: {error}")
            else:
                return
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)


def _expected_tokens(prediction: Prediction) -> float:
    """The mean of a prediction.

    Raises:
        ValueError: If it can be none.
    """
    tokens = prediction.expected_tokens
    if not 0 <= tokens <= MAX_OUTPUT_TOKENS:
        raise ValueError(
            f"expected_tokens is {tokens}: expected a number of 0 to {MAX_OUTPUT_TOKENS:,}"
        )
    return tokens

"""Asks the predictor and reports to it, beside the engine core, never in its way."""

import asyncio
import contextlib
import socket
import time
import uuid
from collections import OrderedDict
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

from lengthwise.chat_template import ChatTemplate
from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest, PredictionQuery
from scheduler_client.advisor.asker import Answer, Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.advisor.service_time_fit import ServiceTimeFit
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.advisor.typical_lengths import TypicalLengths
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Arrived,
    Counted,
    Ended,
    Learnt,
    Predicted,
    Settled,
    decode_to_sidecar,
    encode,
)
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.metrics_page import withdraw_metrics, write_metrics
from scheduler_client.vllm_plugin.text import (
    load_template,
    load_tokenizer,
    prompt_text,
    tokens_until_stop,
)

TELL_EVERY_S = 1.0
"""What was learnt changes slowly."""

INFO_TIMEOUT_S = 5.0
FIRST_BACKOFF_S, MAX_BACKOFF_S = 1.0, 60.0

MAX_ID_CHARS = 900
"""Of a request's id in its report: with what makes it unique it fits the predictor's 1,024."""


@dataclass(slots=True)
class Known:
    """A request that has not ended.

    Args:
        arrived: What the core said.
        prompt: Its text, if it has one.
        answer: Of the predictor; None if nobody was asked.
        predicted_tokens: None while nothing was predicted.
    """

    arrived: Arrived
    prompt: str
    answer: "asyncio.Future[Answer] | None" = None
    predicted_tokens: float | None = None


class Sidecar:
    """Everything of the plugin that takes time. It belongs to one event loop.

    Args:
        settings: From the environment.
        core: The socket to the engine core.
        metrics: Of this process.
    """

    def __init__(
        self, settings: AdvisorSettings, core: socket.socket, metrics: PluginMetrics
    ) -> None:
        self._settings = settings
        self._core = core
        self._log = RateLimitedLog(time.monotonic)
        self._connection = Connection(settings)
        self._asker = Asker(settings, self._connection, self._log)
        self._reporter = Reporter(settings, self._connection, self._log)
        self._metrics = metrics
        self._typical = TypicalLengths()
        self._speed = ServiceTimeFit()
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._chars = 0
        self._tokenizer: Any = None
        self._template: ChatTemplate | None = None
        self._lengths: list[tuple[int, float, Any]] = []
        self._unknown: list[int] = []
        self._to_send = asyncio.Event()
        self._core_counted = Counted()
        # Ids come again (a restarted engine counts from 0, callers choose them): reports must not.
        self._run_id = uuid.uuid4().hex[:12]

    async def run(self) -> None:
        """Serve the core until it ends, then send the last reports."""
        loop = asyncio.get_running_loop()
        (settled,) = decode_to_sidecar(await loop.sock_recv(self._core, MAX_PACKET_BYTES))
        assert isinstance(settled, Settled)  # noqa: S101  the core's first message
        if self._settings.metrics_port:
            self._metrics.serve(self._settings.metrics_port + settled.engine_index)
        if self._settings.report:
            self._reporter.start()
        background = [
            loop.create_task(self._send()),
            loop.create_task(self._tell()),
            loop.create_task(self._seed()),
        ]
        if settled.tokenizer is not None:
            self._tokenizer = await asyncio.to_thread(load_tokenizer, **settled.tokenizer)
            await self._learn_template(settled.tokenizer)
        await self._read()
        for task in background:
            task.cancel()
        await self._asker.close()
        await self._reporter.close()
        await self._connection.close()
        self._follow()
        withdraw_metrics()

    async def _learn_template(self, tokenizer: dict[str, Any]) -> None:
        try:
            self._template = await asyncio.to_thread(load_template, **tokenizer)
        except Exception as error:  # noqa: BLE001  chats are then read by the families of templates
            self._log.warn("template", f"the chat template was not learnt: {error}")

    async def _read(self) -> None:
        """Take in what the core says, until it ends."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                packet = await loop.sock_recv(self._core, MAX_PACKET_BYTES)
            except OSError:
                return
            if not packet:
                return
            for message in decode_to_sidecar(packet):
                self._take(message)
            await asyncio.sleep(0)  # the network's turn: detokenising takes its time

    def _take(self, message: Any) -> None:
        try:
            if isinstance(message, Arrived):
                self._arrived(message)
            elif isinstance(message, Ended):
                self._ended(message)
            else:
                self._core_counted = message
        except Exception as error:  # noqa: BLE001  one request's fault must not be another's
            self._log.fault(f"taking in {type(message).__name__}", error)
            self._metrics.internal_error()

    def _arrived(self, arrived: Arrived) -> None:
        prompt = prompt_text(self._tokenizer, arrived.token_ids, self._template)
        known = Known(arrived, prompt)
        self._remember(arrived.number, known)
        if arrived.asking != "ask":
            self._metrics.not_asked(arrived.asking)
            return
        query = PredictionQuery(
            prompt=prompt,
            model=arrived.model,
            max_tokens=arrived.max_tokens or None,
            temperature=arrived.temperature,
            neighbour_count=0,  # no past prompt is shown to anyone: none need be sent
        )
        known.answer = self._asker.ask(query)
        asked_s = time.monotonic()
        known.answer.add_done_callback(partial(self._answered, arrived.number, known, asked_s))

    def _answered(
        self, number: int, known: Known, asked_s: float, done: "asyncio.Future[Answer]"
    ) -> None:
        if done.cancelled():
            self._metrics.fell_back("not_asked")
            return
        answer = done.result()
        try:
            if isinstance(answer, Prediction):
                distribution = answer.distribution()
                known.predicted_tokens = answer.expected_tokens
                points = distribution.levels, distribution.tokens
                self._lengths.append((number, answer.expected_tokens, points))
                self._metrics.predicted(time.monotonic() - asked_s)
            else:
                self._unknown.append(number)
                self._metrics.fell_back(answer)
        except ValueError as error:
            self._log.warn("nonsense", f"the prediction cannot be one: {error}")
            self._unknown.append(number)
            self._metrics.fell_back("predictor_error")
        self._to_send.set()

    def _ended(self, ended: Ended) -> None:
        known = self._known.pop(ended.number, None)
        if known is None:
            return
        self._chars -= len(known.prompt)
        if known.answer is not None and not known.answer.done():
            known.answer.cancel()
        if known.arrived.max_tokens == 1:
            return  # scores, steps of a beam search: one token says nothing of the LLM
        finished = self._finished(ended)
        if not finished.completed:
            return
        self._speed.add(finished)
        self._typical.add(known.arrived.model, finished.output_tokens)
        if known.predicted_tokens is not None and not finished.censored:
            self._metrics.judged(known.predicted_tokens, finished.output_tokens)
        if self._settings.report and known.prompt:
            self._report(ended, known, finished)

    def _finished(self, ended: Ended) -> FinishedRequest:
        tokens, reason = ended.output_tokens, ended.finish_reason
        if reason == "abort" and ended.stop:
            stopped = tokens_until_stop(self._tokenizer, ended.output_ids, ended.stop)
            if stopped is not None:
                tokens, reason = tokens - len(ended.output_ids) + stopped, "stop"
        return FinishedRequest(
            output_tokens=tokens,
            input_tokens=ended.input_tokens,
            finish_reason=reason,
            queued_s=ended.queued_s,
            prefill_s=ended.prefill_s,
            decode_s=ended.decode_s,
            preemptions=ended.preemptions,
        )

    def _report(self, ended: Ended, known: Known, finished: FinishedRequest) -> None:
        self._reporter.put(
            CompletedRequest(
                request_id=f"{ended.request_id[:MAX_ID_CHARS]}#{self._run_id}-{ended.number}",
                output_tokens=finished.output_tokens,
                prompt=known.prompt,
                model=known.arrived.model,
                max_tokens=known.arrived.max_tokens or None,
                finish_reason="length" if finished.censored else "stop",
                temperature=known.arrived.temperature,
            )
        )

    def _remember(self, number: int, known: Known) -> None:
        self._known[number] = known
        self._chars += len(known.prompt)
        settings = self._settings
        while len(self._known) > settings.max_known or self._chars > settings.max_known_chars:
            _, oldest = self._known.popitem(last=False)
            self._chars -= len(oldest.prompt)

    async def _send(self) -> None:
        """Send what was predicted, everything of one turn of the loop in one message."""
        loop = asyncio.get_running_loop()
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            lengths, self._lengths = self._lengths[:64], self._lengths[64:]
            unknown, self._unknown = self._unknown, []
            if self._lengths:
                self._to_send.set()
            with contextlib.suppress(OSError):
                await loop.sock_sendall(self._core, encode(Predicted(lengths, unknown)))

    async def _tell(self) -> None:
        """Bring metrics and the core's knowledge up to date, once in a while."""
        loop = asyncio.get_running_loop()
        told = None
        while True:
            self._follow()
            learnt = Learnt(
                astuple(self._speed.model), self._typical.of_models(), self._typical.of_all_tokens
            )
            if learnt != told:
                told = learnt
                with contextlib.suppress(OSError):
                    await loop.sock_sendall(self._core, encode(learnt))
            await asyncio.sleep(TELL_EVERY_S)

    def _follow(self) -> None:
        self._metrics.follow(
            self._asker, self._reporter, self._core_counted, self._speed.model, self._log.faults
        )
        write_metrics()

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

"""Requests from their arrival at the middleware to their end."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from scheduler_client.advisor.api_request import ApiRequest, read_api_body
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.completion_limit import is_completion, with_completion_limit
from scheduler_client.gateways.ending import NO_USAGE
from scheduler_client.gateways.gateway_advisor import GatewayAdvisor
from scheduler_client.vllm_plugin.log import log_with_vllm
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.middleware.answer import Answer, Send
from scheduler_client.vllm_plugin.middleware.request_body import HttpBody

FOLLOW_EVERY_S = 1.0
"""A scraper comes every few seconds."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way.

    Args:
        arrival_s: When it came, in seconds since 1970.
        key: Its priority; None where it is left as it is.
        asked: What it asks for; None if that could not be read.
        predicted_tokens: None if nothing was predicted.
        was_placed: Whether the rule awaits its end.
    """

    arrival_s: float
    key: int | None = None
    asked: ApiRequest | None = None
    predicted_tokens: float | None = None
    was_placed: bool = False


class Calls:
    """Gives requests their priorities before the engine sees them, and learns from their ends.

    Args:
        settings: The target, the rule, the deadline and the LLM's name in the history.
        clock: Wall clock, in seconds since 1970: keys of several API servers share it.
        connection: To the predictor; None makes one.
        metrics: Of this process; None makes them.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        *,
        clock: Callable[[], float] = time.time,
        connection: Connection | None = None,
        metrics: PluginMetrics | None = None,
    ) -> None:
        log_with_vllm()
        self._shadow = settings.shadow
        self._clock = clock
        self._following: asyncio.Task[None] | None = None
        self._log = RateLimitedLog(time.monotonic)
        self._gateway = GatewayAdvisor(settings, self._log, clock=clock, connection=connection)
        self.metrics = metrics or PluginMetrics()

    async def place(self, body: HttpBody, path: str) -> Call:
        """Give a request its priority by its body. Never raises."""
        arrival_s = self._clock()
        try:
            if self._following is None:  # the first to come finds an event loop
                self._gateway.start()
                self._following = asyncio.create_task(self._follow())
            call = await self._place(body, path, arrival_s)
        except Exception as error:  # noqa: BLE001  the request goes on by its arrival
            self._log.fault("choosing a priority in the middleware", error)
            self.metrics.internal_error()
            call = Call(arrival_s, self._gateway.place_by_arrival(arrival_s).key)
        return replace(call, key=None) if self._shadow else call

    async def _follow(self) -> None:
        """Bring the metrics up to date, once in a while."""
        while True:
            self.metrics.reports(self._gateway.reporter)
            await asyncio.sleep(FOLLOW_EVERY_S)

    async def _place(self, body: HttpBody, path: str, arrival_s: float) -> Call:
        if not body.whole:
            self.metrics.fell_back("no_text")
            return Call(arrival_s, self._gateway.place_by_arrival(arrival_s).key)
        asked = read_api_body(body.content)
        if asked is None:  # nothing that vLLM will take
            return Call(arrival_s)
        if is_completion(path):
            asked = with_completion_limit(asked)
        if asked.priority:
            self.metrics.not_asked("untouched")
            return Call(arrival_s, asked=asked)
        placed = await self._gateway.place(asked, arrival_s)
        if placed.fallback is None:
            self.metrics.predicted(self._clock() - arrival_s)
            return Call(arrival_s, placed.key, asked, placed.expected_tokens, was_placed=True)
        self.metrics.fell_back(placed.fallback)
        return Call(arrival_s, placed.key, asked, was_placed=True)

    def answer(self, send: Send) -> Answer:
        """What reads the answer to a request on its way."""
        return Answer(send, self._log)

    def ended(self, call: Call, answer: Answer) -> None:
        """Learn from the end of a request, and report it. Never raises."""
        try:
            ending = answer.ending()
            if ending.kind == "no_usage":
                self._log.warn("no_usage", NO_USAGE)
            self._gateway.ended(
                call.asked, call.arrival_s, ending, was_placed=call.was_placed, report_name="vllm-"
            )
            if call.predicted_tokens is not None and ending.kind == "stop":
                self.metrics.judged(call.predicted_tokens, ending.output_tokens)
        except Exception as error:  # noqa: BLE001  the request has been answered
            self._log.fault("taking in an end in the middleware", error)
            self.metrics.internal_error()

    async def close(self) -> None:
        """The server ends: send what is left to report. Never raises."""
        if self._following is not None:
            self._following.cancel()
        try:
            await self._gateway.close()
        except Exception as error:  # noqa: BLE001  the server must end
            self._log.fault("ending the middleware", error)

"""Requests from their arrival at the middleware to their end."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scheduler_client.advisor.asker import Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.api_request import ApiRequest, read_api_body
from scheduler_client.gateways.completion_limit import is_completion, with_completion_limit
from scheduler_client.gateways.ending import NO_USAGE
from scheduler_client.gateways.gateway_advisor import GatewayAdvisor
from scheduler_client.gateways.placed_request import PlacedRequest
from scheduler_client.gateways.vllm_middleware.answer import Answer, Send

FOLLOW_EVERY_S = 1.0
"""A scraper comes every few seconds."""


class CallMetrics(Protocol):
    """Counts what is done here, as the plugin's metrics do."""

    def predicted(self, latency_s: float) -> None: ...

    def fell_back(self, cause: str) -> None: ...

    def not_asked(self, asking: str) -> None: ...

    def judged(self, predicted_tokens: float, output_tokens: int) -> None: ...

    def follow(self, asker: Asker, reporter: Reporter, faults: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way.

    Args:
        arrival_s: When it came, in seconds since 1970.
        asked: What it asks for; None if that could not be read, and then no rule awaits its end.
        placed: Its place; None where its priority is left as it is.
    """

    arrival_s: float
    asked: ApiRequest | None = None
    placed: PlacedRequest | None = None


class Calls:
    """Gives requests their priorities before the engine sees them, and learns from their ends.

    Args:
        settings: The target, the rule, the deadline and the LLM's name in the history.
        log: One line a minute for each kind of failure.
        metrics: Of this process, told of each request.
        clock: Wall clock, in seconds since 1970: keys of several API servers share it.
        connection: To the predictor; None makes one.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        log: RateLimitedLog,
        metrics: CallMetrics,
        *,
        clock: Callable[[], float] = time.time,
        connection: Connection | None = None,
    ) -> None:
        self.shadow = settings.shadow
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._following: asyncio.Task[None] | None = None
        self._gateway = GatewayAdvisor(settings, log, clock=clock, connection=connection)

    async def place(self, content: bytes | None, path: str) -> Call:
        """Give a request its place by its body, None if not all of that was read. Never raises."""
        arrival_s = self._clock()
        try:
            if self._following is None:  # the first to come finds an event loop
                self._gateway.start()
                self._following = asyncio.create_task(self._follow())
            return await self._place(content, path, arrival_s)
        except Exception as error:  # noqa: BLE001  the request goes on by its arrival
            self._log.fault("choosing a priority in the middleware", error)
            return Call(arrival_s, placed=self._gateway.place_by_arrival(arrival_s))

    async def _follow(self) -> None:
        """Bring the metrics up to date, once in a while."""
        while True:
            self._metrics.follow(self._gateway.asker, self._gateway.reporter, self._log.faults)
            await asyncio.sleep(FOLLOW_EVERY_S)

    async def _place(self, content: bytes | None, path: str, arrival_s: float) -> Call:
        if content is None:
            self._metrics.fell_back("no_text")
            return Call(arrival_s, placed=self._gateway.place_by_arrival(arrival_s))
        asked = read_api_body(content)
        if asked is None:  # nothing that vLLM will take
            return Call(arrival_s)
        if is_completion(path):
            asked = with_completion_limit(asked)
        if asked.priority:
            self._metrics.not_asked("untouched")
            return Call(arrival_s, asked)
        placed = await self._gateway.place(asked, arrival_s)
        if placed.fallback is None:
            self._metrics.predicted(self._clock() - arrival_s)
        else:
            self._metrics.fell_back(placed.fallback)
        return Call(arrival_s, asked, placed)

    def answer(self, send: Send) -> Answer:
        """What reads the answer to a request on its way."""
        return Answer(send, self._log)

    def ended(self, call: Call, answer: Answer) -> None:
        """Learn from the end of a request, and report it. Never raises."""
        asked, placed = call.asked, call.placed
        try:
            ending = answer.ending()
            if ending.kind == "no_usage":
                self._log.warn("no_usage", NO_USAGE)
            was_placed = asked is not None and placed is not None
            self._gateway.ended(
                asked, call.arrival_s, ending, was_placed=was_placed, report_name="vllm-"
            )
            if placed is not None and placed.fallback is None and ending.kind == "stop":
                self._metrics.judged(placed.expected_tokens, ending.output_tokens)
        except Exception as error:  # noqa: BLE001  the request has been answered
            self._log.fault("taking in an end in the middleware", error)

    async def close(self) -> None:
        """The server ends: send what is left to report. Never raises."""
        if self._following is not None:
            self._following.cancel()
        try:
            await self._gateway.close()
        except Exception as error:  # noqa: BLE001  the server must end
            self._log.fault("ending the middleware", error)

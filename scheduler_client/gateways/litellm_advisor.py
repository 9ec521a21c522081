"""Asks the predictor about LiteLLM's calls, and tells it how they ended."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest, PredictionQuery
from scheduler_client.advisor.api_request import ApiRequest
from scheduler_client.advisor.asker import Answer, Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.key_maker import KeyMaker
from scheduler_client.advisor.known_requests import KnownRequests
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.request import FinishedRequest, Request
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.advisor.typical_lengths import TypicalLengths
from scheduler_client.gateways.litellm_ending import Ending
from scheduler_client.gateways.priorities import PlacedRequest


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call that was sent on and has not ended."""

    prompt: str
    temperature: float | None
    request: Request


class LitellmAdvisor:
    """Places calls and learns from their ends. It belongs to one event loop.

    Args:
        settings: Where the predictor is, and how it is asked.
        log: One line a minute for each kind of failure; nothing is raised.
        clock: Wall clock, in seconds since 1970: keys of several proxies share it.
        connection: To the predictor; None makes one.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        log: RateLimitedLog,
        *,
        clock: Callable[[], float] = time.time,
        connection: Connection | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock
        connection = connection or Connection(settings)
        self._asker = Asker(settings, connection, log)
        self._reporter = Reporter(settings, connection, log)
        self._keys = KeyMaker(settings.make_rule())
        self._typical = TypicalLengths()
        self._sent = KnownRequests[str, _Sent](settings.max_known, settings.max_known_chars)
        # Callers may choose their calls' ids, and choose one again: reports must not.
        self._run_id = uuid.uuid4().hex[:12]
        self._reports = 0
        if settings.report:
            self._reporter.start()

    async def place(self, call_id: str, call: ApiRequest) -> PlacedRequest:
        """Give a call its place, within the deadline.

        Args:
            call_id: LiteLLM's, by which it tells of the end.
            call: Its text, and what limits the answer.
        """
        arrival_s = self._clock()
        model = self._settings.model or call.model
        request = Request(model, call.max_tokens, 0, arrival_s)
        answer = await self._ask(call, model)
        placed = self._placed(request, answer)
        self._sent.pop(call_id)
        self._sent.add(call_id, _Sent(call.text or "", call.temperature, request))
        return placed

    def ended(self, call_id: str, ending: Ending) -> None:
        """Learn from the end of a call, and report it if its length says something of the LLM."""
        sent = self._sent.pop(call_id)
        if sent is None:
            return
        finished = self._finished(sent.request, ending)
        self._keys.finished(sent.request.arrival_s, finished)
        if not finished.completed or sent.request.max_tokens == 1:  # one token says nothing
            return
        self._typical.add(sent.request.model, finished.output_tokens)
        self._keys.typical_tokens = self._typical.of_models()
        self._keys.typical_of_all_tokens = self._typical.of_all_tokens
        if self._settings.report and sent.prompt:
            self._report(call_id, sent, finished)

    async def close(self) -> None:
        """Send what is left to report, and end."""
        await self._asker.close()
        await self._reporter.close()

    async def _ask(self, call: ApiRequest, model: str) -> Answer:
        query = PredictionQuery(
            prompt=call.text or "",
            model=model,
            max_tokens=call.max_tokens,
            temperature=call.temperature,
            neighbour_count=0,  # no past prompt is shown to anyone: none need be sent
        )
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                return await self._asker.ask(query)  # cancelled with the call, too
        except TimeoutError:
            return "deadline"

    def _placed(self, request: Request, answer: Answer) -> PlacedRequest:
        arrival_s = request.arrival_s
        typical_tokens = self._keys.expected_tokens(request)
        try:
            if isinstance(answer, Prediction):
                tokens = answer.expected_tokens
                key = self._keys.key(request, tokens, answer.distribution())
                return PlacedRequest(key, arrival_s, tokens)
            return PlacedRequest(self._keys.key(request), arrival_s, typical_tokens)
        except (ArithmeticError, ValueError) as error:
            self._log.warn("nonsense", f"the prediction cannot be one: {error}")
            return PlacedRequest(self._keys.arrival_key(arrival_s), arrival_s, typical_tokens)

    def _finished(self, request: Request, ending: Ending) -> FinishedRequest:
        """What the rule learns from: how long the call waited and ran.

        Only of a stream is it known when the first token came; of any other answer it is taken to
        have run as long as its tokens usually take, and to have waited for the rest.
        """
        stay_s = max(0.0, ending.ended_s - request.arrival_s)
        if ending.first_token_s is None:
            usual_s = self._keys.service_time.service_time_s(ending.output_tokens)
            running_s = min(stay_s, usual_s)
        else:
            running_s = min(stay_s, max(0.0, ending.ended_s - ending.first_token_s))
        return FinishedRequest(
            output_tokens=ending.output_tokens,
            input_tokens=ending.input_tokens,
            finish_reason=ending.finish_reason,
            queued_s=stay_s - running_s,
            prefill_s=0.0,
            decode_s=running_s,
        )

    def _report(self, call_id: str, sent: _Sent, finished: FinishedRequest) -> None:
        self._reports += 1
        self._reporter.put(
            CompletedRequest(
                request_id=f"{call_id}#{self._run_id}-{self._reports}",
                output_tokens=finished.output_tokens,
                prompt=sent.prompt,
                model=sent.request.model,
                max_tokens=sent.request.max_tokens,
                finish_reason="length" if finished.censored else "stop",
                temperature=sent.temperature,
            )
        )

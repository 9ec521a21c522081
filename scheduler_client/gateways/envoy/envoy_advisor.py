"""Asks the predictor about calls, and tells it how they ended."""

import asyncio
import time
import uuid

from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest, PredictionQuery
from scheduler_client.advisor.api_request import ApiRequest
from scheduler_client.advisor.asker import Answer, Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.key_maker import KeyMaker
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.request import FinishedRequest, Request
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.advisor.typical_lengths import TypicalLengths
from scheduler_client.gateways.envoy.activity import Activity
from scheduler_client.gateways.envoy.answer_reader import Ending
from scheduler_client.gateways.priorities import INT32_MAX, int32_priority

INT32_MIN = -(2**31)
"""Of a priority that a caller chose; ours are never negative."""

NO_USAGE = (
    "streamed answers do not say how many tokens they have, so they are not learnt from: have vLLM "
    "say it with --enable-force-include-usage, or callers ask for stream_options.include_usage"
)
"""Said in the log, since otherwise nobody would know why nothing is learnt."""


class EnvoyAdvisor:
    """Places calls and learns from their ends. It belongs to one event loop.

    Args:
        settings: Where the predictor is, and how it is asked.
        log: Failures are said there, each cause once a minute.
        connection: To the predictor; None makes one.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        log: RateLimitedLog,
        *,
        connection: Connection | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._connection = connection or Connection(settings)
        self._asker = Asker(settings, self._connection, log)
        self._reporter = Reporter(settings, self._connection, log)
        self._keys = KeyMaker(settings.make_rule())
        self._typical = TypicalLengths()
        self.activity = Activity()
        self._run_id = uuid.uuid4().hex  # no id of a report comes again
        self._reports = 0
        # Arrivals that the rule was told of: it is to hear of no other call's end.
        self._in_rule: dict[float, None] = {}

    def start(self) -> None:
        """Begin to report, on the event loop that runs."""
        if self._settings.report:
            self._reporter.start()

    async def priority(self, call: ApiRequest | None, arrival_s: float) -> int | None:
        """The place of a call, within the deadline; None in shadow mode.

        Args:
            call: What is asked for; None if that cannot be read: then the arrival is its place.
            arrival_s: When it came, in seconds since 1970.
        """
        if call is None:
            self.activity.placed("no_text")
            key = self._keys.arrival_key(arrival_s)
        elif call.priority:  # the header that the route writes would take its place
            self.activity.placed("untouched")
            return min(max(call.priority, INT32_MIN), INT32_MAX)
        else:
            key = self._key(self._request(call, arrival_s), await self._ask(call))
        return None if self._settings.shadow else int32_priority(key)

    def ended(self, call: ApiRequest | None, arrival_s: float, ending: Ending) -> None:
        """Learn from the end of a call, and report it if its length says something of the LLM.

        Args:
            call: What was asked for; None if that could not be read.
            arrival_s: As `priority` was given it.
            ending: As it was read off the response.
        """
        self.activity.ended(ending.kind)
        if ending.kind == "no_usage":
            self._log.warn("no_usage", NO_USAGE)
        finished = self._finished(arrival_s, ending)
        if arrival_s in self._in_rule:
            del self._in_rule[arrival_s]
            self._keys.finished(arrival_s, finished)
        if call is None or not finished.completed or call.max_tokens == 1:  # one token says nothing
            return
        self._typical.add(self._model(call), finished.output_tokens)
        self._keys.typical_tokens = self._typical.of_models()
        self._keys.typical_of_all_tokens = self._typical.of_all_tokens
        if self._settings.report and call.text:
            self._report(call, call.text, finished)

    async def close(self) -> None:
        """Send what is left to report, and end."""
        await self._asker.close()
        await self._reporter.close()
        await self._connection.close()

    def _model(self, call: ApiRequest) -> str:
        return self._settings.model or call.model

    def _request(self, call: ApiRequest, arrival_s: float) -> Request:
        return Request(self._model(call), call.max_tokens, 0, arrival_s)

    async def _ask(self, call: ApiRequest) -> Answer:
        query = PredictionQuery(
            prompt=call.text or "",
            model=self._model(call),
            max_tokens=call.max_tokens,
            temperature=call.temperature,
            neighbour_count=0,  # no past prompt is shown to anyone: none need be sent
        )
        asked = self._asker.ask(query)
        try:
            await asyncio.wait([asked], timeout=self._settings.deadline_s)
            return asked.result() if asked.done() else "deadline"
        finally:
            asked.cancel()  # the caller may have left meanwhile

    def _key(self, request: Request, answer: Answer) -> int:
        if len(self._in_rule) >= self._settings.max_known:
            del self._in_rule[next(iter(self._in_rule))]  # its end was not seen
        self._in_rule[request.arrival_s] = None
        if not isinstance(answer, Prediction):
            self.activity.placed(answer)
            return self._keys.key(request)
        try:
            key = self._keys.key(request, answer.expected_tokens, answer.distribution())
        except (ArithmeticError, ValueError) as error:
            self._log.warn("nonsense", f"the prediction cannot be one: {error}")
            self.activity.placed("predictor_error")
            return self._keys.key(request)
        self.activity.placed("predicted")
        return key

    def _finished(self, arrival_s: float, ending: Ending) -> FinishedRequest:
        """What the rule learns from: how long the call waited and ran.

        Only of a stream is it known when the first token came; of any other answer it is taken to
        have run as long as its tokens usually take, and to have waited for the rest.
        """
        now_s = time.time()
        stay_s = max(0.0, now_s - arrival_s)
        if ending.first_token_s is None:
            running_s = self._keys.service_time.service_time_s(ending.output_tokens)
        else:
            running_s = max(0.0, now_s - ending.first_token_s)
        running_s = min(stay_s, running_s)
        return FinishedRequest(
            output_tokens=ending.output_tokens,
            input_tokens=ending.input_tokens,
            finish_reason=ending.finish_reason,
            queued_s=stay_s - running_s,
            prefill_s=0.0,
            decode_s=running_s,
        )

    def _report(self, call: ApiRequest, text: str, finished: FinishedRequest) -> None:
        self._reports += 1
        self._reporter.put(
            CompletedRequest(
                request_id=f"envoy-{self._run_id}-{self._reports}",
                output_tokens=finished.output_tokens,
                prompt=text,
                model=self._model(call),
                max_tokens=call.max_tokens,
                finish_reason="length" if finished.censored else "stop",
                temperature=call.temperature,
            )
        )

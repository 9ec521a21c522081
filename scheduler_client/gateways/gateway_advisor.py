"""Asks the predictor about a gateway's calls, and tells it how they ended."""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest
from scheduler_client.advisor.asker import Asker, FallbackCause
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.key_maker import KeyMaker
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.request import FinishedRequest, Request
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.advisor.typical_lengths import TypicalLengths
from scheduler_client.gateways.api_request import ApiRequest
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.placed_request import PlacedRequest


class GatewayAdvisor:
    """Places calls and learns from their ends. It belongs to one event loop.

    Which calls it placed is the gateway's to remember: each knows its calls by another name.

    Args:
        settings: Where the predictor is, and how it is asked.
        log: One line a minute for each kind of failure.
        clock: Wall clock, in seconds since 1970.
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
        self._connection = connection or Connection(settings)
        self.asker = Asker(settings, self._connection, log)
        self._keys = KeyMaker(settings.make_rule())
        self.reporter = Reporter(settings, self._connection, log)
        self._typical = TypicalLengths()
        # Callers may choose their calls' ids, and choose one again: reports must not.
        self._run_id = uuid.uuid4().hex[:12]
        self._reports = 0

    def start(self) -> None:
        """Begin to report, on the event loop that runs."""
        if self._settings.report:
            self.reporter.start()

    async def place(self, call: ApiRequest, arrival_s: float) -> PlacedRequest:
        """Give a call its place, within the deadline.

        Args:
            call: Its text, and what limits the answer.
            arrival_s: When it came, in seconds since 1970: keys of several processes share it.
        """
        model = self._model(call)
        request = Request(model, call.max_tokens, 0, arrival_s)
        answer = await self.asker.answer(call.query(model), self._settings.deadline_s)
        if not isinstance(answer, Prediction):
            return self._typically_placed(request, answer)
        try:
            key = self._keys.key(request, answer.expected_tokens, answer.distribution())
        except (ArithmeticError, ValueError) as error:
            self._log.warn("nonsense", f"the prediction cannot be one: {error}")
            return self._typically_placed(request, "predictor_error")
        return PlacedRequest(key, arrival_s, answer.expected_tokens)

    def place_by_arrival(self, arrival_s: float) -> PlacedRequest:
        """The place of a call that cannot be read; the rule is to hear nothing of its end."""
        key, tokens = self._keys.arrival_key(arrival_s), self._keys.typical_of_all_tokens
        return PlacedRequest(key, arrival_s, tokens, "no_text")

    def ended(
        self,
        call: ApiRequest | None,
        arrival_s: float,
        ending: Ending,
        *,
        was_placed: bool,
        report_name: str,
    ) -> None:
        """Learn from the end of a call, and report it if its length says something of the LLM.

        Args:
            call: What was asked for; None if that could not be read.
            arrival_s: When it came, in seconds since 1970.
            ending: Why it ended and how long its answer is; without a time of its own it ended now.
            was_placed: Whether `place` gave it its place, so that the rule awaits its end.
            report_name: What the id of its report begins with.
        """
        finished = self._finished(arrival_s, ending)
        if was_placed:
            self._keys.finished(arrival_s, _ran(finished, ending))
        if call is None or not finished.completed or call.max_tokens == 1:  # one token says nothing
            return
        self._typical.add(self._model(call), finished.output_tokens)
        self._keys.typical_tokens = self._typical.of_models()
        self._keys.typical_of_all_tokens = self._typical.of_all_tokens
        if self._settings.report and call.text:
            self._report(report_name, call, call.text, finished)

    async def close(self) -> None:
        """Send what is left to report, and end."""
        await self.asker.close()
        await self.reporter.close()
        await self._connection.close()

    def _model(self, call: ApiRequest) -> str:
        """The LLM's name in the predictor's history."""
        return self._settings.model or call.model

    def _typically_placed(self, request: Request, cause: FallbackCause) -> PlacedRequest:
        tokens = self._keys.expected_tokens(request)
        return PlacedRequest(self._keys.key(request), request.arrival_s, tokens, cause)

    def _finished(self, arrival_s: float, ending: Ending) -> FinishedRequest:
        """What the rule learns from: how long the call waited and ran.

        Only of a stream is it known when the first token came; of any other answer it is taken to
        have run as long as its tokens usually take, and to have waited for the rest.
        """
        ended_s = self._clock() if ending.ended_s is None else ending.ended_s
        stay_s = max(0.0, ended_s - arrival_s)
        if ending.first_token_s is None:
            running_s = self._keys.service_time.service_time_s(ending.output_tokens)
        else:
            running_s = max(0.0, ended_s - ending.first_token_s)
        running_s = min(stay_s, running_s)
        return FinishedRequest(
            output_tokens=ending.output_tokens,
            input_tokens=ending.input_tokens,
            finish_reason=ending.finish_reason,
            queued_s=stay_s - running_s,
            prefill_s=0.0,
            decode_s=running_s,
        )

    def _report(self, name: str, call: ApiRequest, text: str, finished: FinishedRequest) -> None:
        self._reports += 1
        self.reporter.put(
            CompletedRequest(
                request_id=f"{name}{self._run_id}-{self._reports}",
                output_tokens=finished.output_tokens,
                prompt=text,
                model=self._model(call),
                max_tokens=call.max_tokens,
                finish_reason="length" if finished.censored else "stop",
                temperature=call.temperature,
            )
        )


def _ran(finished: FinishedRequest, ending: Ending) -> FinishedRequest:
    """The same to a rule, which asks how long a call ran: a stream shows that without usage."""
    is_timed = ending.kind == "no_usage" and ending.first_token_s is not None
    return replace(finished, finish_reason="stop") if is_timed else finished

"""What is known of requests, from their arrival to their end. No I/O in here."""

import math
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Literal

from lengthwise.index_info import ModelInfo
from lengthwise.length_distribution import LengthDistribution
from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest
from scheduler_client.advisor.advice import Advice, FallbackCause
from scheduler_client.advisor.complaints import Complaints
from scheduler_client.advisor.ending import Ending
from scheduler_client.advisor.key_maker import KeyMaker
from scheduler_client.advisor.micro_batch import Answer
from scheduler_client.advisor.pending import PendingRequest, PendingRequests
from scheduler_client.advisor.question import Question
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.advisor.tally import Tally
from scheduler_client.advisor.typical_lengths import START_TOKENS, TypicalLengths

MAX_ID_CHARS = 900
"""Of a request's id in its report: with what makes it unique it fits the predictor's 1,024."""


class Ledger:
    """Gives requests their keys, remembers them, and learns from how they end. Thread-safe.

    Args:
        settings: The rule and the bounds.
        complaints: Where what goes wrong is counted and logged.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, settings: AdvisorSettings, complaints: Complaints, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._complaints = complaints
        self._clock = clock
        self.lock = threading.RLock()
        self.tally = Tally()
        self.keys = KeyMaker(settings.make_rule())
        self.typical = TypicalLengths()
        self.pending = PendingRequests(
            max_requests=settings.max_known,
            max_chars=settings.max_known_chars,
            max_age_s=settings.known_for_s,
            clock=clock,
        )
        # Ids come again (a restarted engine counts from 0, callers choose them): reports must not.
        self._run_id = uuid.uuid4().hex[:12]
        self._reports = 0

    def model_of(self, question: Question) -> str:
        """The LLM's name as the predictor knows it."""
        return self._settings.model or question.model

    def advise(self, question: Question, answer: Answer, latency_s: float) -> Advice:
        """Make advice of what the predictor answered, and remember the request."""
        with self.lock:
            tokens, distribution, cause = self._expected(question, answer)
            key = self._key(question, tokens, distribution)
            advice = Advice(key, tokens, distribution, cause, latency_s)
            self.tally.advised(advice)
            self._remember(question, tokens if cause is None else None)
            return advice

    def fallback_key(self, question: Question) -> int:
        """Make a key of the LLM's typical length, and remember the request."""
        with self.lock:
            self.tally.not_asked()
            tokens, _, _ = self._expected(question, "not_asked")
            self._remember(question, None)
            return self._key(question, tokens, None)

    def last_resort(self, question: Question, latency_s: float) -> Advice:
        """First come, first served: for where even the typical length could not be had."""
        with self.lock:
            key = self.keys.arrival_key(question)
            return Advice(key, START_TOKENS, None, "internal_error", latency_s)

    def ended(self, ending: Ending) -> CompletedRequest | None:
        """Learn from a request's end, and return what is to be reported of it, if anything."""
        with self.lock:
            if not ending.completed:
                self.forget(ending.request_id)
                return None
            request = self.pending.pop(ending.request_id)
            try:
                self._learn(ending, request)
            except Exception as error:  # noqa: BLE001  the report is to go all the same
                self._complaints.fault("learning from a finished request failed", error)
            return self._report(ending, request)

    def forget(self, request_id: str) -> None:
        """A request went without an answer: nothing is learnt of it, and nothing kept."""
        with self.lock:
            request = self.pending.pop(request_id)
            if request is not None:
                self.keys.abandoned(request)

    def seed(self, models: Sequence[ModelInfo]) -> None:
        """Take in what the predictor's history says of its LLMs."""
        with self.lock:
            self.typical.seed(models)

    def _expected(
        self, question: Question, answer: Answer
    ) -> tuple[float, LengthDistribution | None, FallbackCause | None]:
        """The length to go by: what was predicted, or what is typical."""
        cause: FallbackCause = "predictor_error"
        if isinstance(answer, Prediction):
            try:
                return _checked(answer.expected_tokens), answer.distribution(), None
            except ValueError as error:
                self._complaints.say("nonsense", f"the prediction cannot be one: {error}")
        else:
            cause = answer
        return self.typical.tokens(self.model_of(question), question.max_tokens), None, cause

    def _key(
        self, question: Question, tokens: float, distribution: LengthDistribution | None
    ) -> int:
        try:
            return self.keys.key(question, tokens, distribution)
        except Exception as error:  # noqa: BLE001  a rule's fault must not reach a request
            self._complaints.fault("making a key failed", error)
            return self.keys.arrival_key(question)

    def _remember(self, question: Question, predicted_tokens: float | None) -> None:
        has_text = question.prompt is not None and not question.prompt.isspace()
        request = PendingRequest(
            prompt=question.prompt if self._settings.report and has_text else None,
            model=self.model_of(question),
            max_tokens=question.max_tokens,
            temperature=question.temperature,
            arrival_s=question.arrival_s,
            predicted_tokens=predicted_tokens,
            noted_at_s=self._clock(),
        )
        self.pending.add(question.request_id, request)

    def _learn(self, ending: Ending, request: PendingRequest | None) -> None:
        if request is not None:
            self.typical.add(request.model, ending.output_tokens)
            if request.predicted_tokens is not None and not ending.censored:
                self.tally.ended(request.predicted_tokens, ending.output_tokens)
        self.keys.ended(ending, request)

    def _report(self, ending: Ending, request: PendingRequest | None) -> CompletedRequest | None:
        if request is None or not request.prompt:
            return None
        self._reports += 1
        reason: Literal["stop", "length"] = "length" if ending.censored else "stop"
        return CompletedRequest(
            request_id=f"{ending.request_id[:MAX_ID_CHARS]}#{self._run_id}-{self._reports}",
            output_tokens=ending.output_tokens,
            prompt=request.prompt,
            model=request.model,
            max_tokens=request.max_tokens or None,
            finish_reason=reason,
            temperature=request.temperature,
        )


def _checked(tokens: float) -> float:
    """Refuse a length that can be none.

    Raises:
        ValueError: If it is negative, infinite or not a number.
    """
    if not (math.isfinite(tokens) and tokens >= 0):
        raise ValueError(f"its mean is {tokens} tokens: expected a finite number of at least 0")
    return tokens

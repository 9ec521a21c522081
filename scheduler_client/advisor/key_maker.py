"""Makes keys of lengths by a priority rule, and learns from what ended."""

import time

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling import FinishedJob, PriorityRule, QueuedJob, UniqueKeys
from lengthwise.scheduling.keys import aged_key
from scheduler_client.advisor.ending import Ending
from scheduler_client.advisor.pending import PendingRequest
from scheduler_client.advisor.question import Question
from scheduler_client.advisor.service_time_fit import ServiceTimeFit


class KeyMaker:
    """The rule, the engine's speed that it needs, and keys of which no two are equal.

    Not thread-safe.

    Args:
        rule: Gives each request its place.
    """

    def __init__(self, rule: PriorityRule) -> None:
        self._rule = rule
        self._keys = UniqueKeys()
        self.fit = ServiceTimeFit()

    def key(
        self, question: Question, tokens: float, distribution: LengthDistribution | None
    ) -> int:
        """The place of a request whose answer is expected to have so many tokens.

        Args:
            question: The request.
            tokens: The mean of the prediction, or what is typical of the LLM.
            distribution: The prediction; None if there is none.
        """
        input_tokens = float(max(0, question.input_tokens))
        job = QueuedJob(
            arrival_s=question.arrival_s,
            input_tokens=input_tokens,
            predicted_tokens=tokens,
            service_time_s=self.fit.model.service_time_s(tokens, input_tokens),
            distribution=distribution,
        )
        return self._keys.unique(self._rule.key(job))

    def arrival_key(self, question: Question) -> int:
        """The place by arrival alone: for where making a key failed, so it cannot fail itself."""
        try:
            key = aged_key(question.arrival_s, 0.0)
        except (TypeError, ValueError):
            key = aged_key(time.time(), 0.0)
        return self._keys.unique(key)

    def ended(self, ending: Ending, request: PendingRequest | None) -> None:
        """Learn from a request that ran to its end; None if nothing else is known of it."""
        self.fit.add(ending)
        if request is not None:
            self._rule.finished(
                FinishedJob(
                    arrival_s=request.arrival_s,
                    queued_s=max(0.0, ending.queued_s),
                    service_s=max(0.0, ending.service_s),
                    input_tokens=ending.input_tokens,
                    output_tokens=ending.output_tokens,
                    censored=ending.censored,
                )
            )

    def abandoned(self, request: PendingRequest) -> None:
        """A request went without an answer: the rule need not count with it any more."""
        self._rule.finished(FinishedJob(request.arrival_s, 0.0, 0.0, 0, 0, censored=True))

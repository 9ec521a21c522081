"""Makes keys of lengths by a priority rule."""

import time
from collections.abc import Mapping

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling import FinishedJob, PriorityRule, QueuedJob, UniqueKeys
from lengthwise.scheduling.keys import aged_key
from scheduler_client.advisor.request import FinishedRequest, Request
from scheduler_client.advisor.service_time_fit import START
from scheduler_client.advisor.typical_lengths import START_TOKENS

PROVISIONAL_LENGTHS = 3.0
"""Typical lengths that a request is taken for while its prediction is under way, some milliseconds:
whoever is known to be shorter goes first. Taken for typical, a long one may get a slot within those
milliseconds before others that are known to be shorter than it is, and keep it for seconds."""


class KeyMaker:
    """The rule, what it needs to know of the engine, and keys of which no two are equal.

    A request whose length is not known yet has a provisional key, by a multiple of what is typical
    of its LLM; it ages like all others. Not thread-safe.

    Args:
        rule: Gives each request its place.
    """

    def __init__(self, rule: PriorityRule) -> None:
        self._rule = rule
        self._keys = UniqueKeys()
        self.service_time = START
        self.typical_tokens: Mapping[str, float] = {}
        self.typical_of_all_tokens = START_TOKENS

    def expected_tokens(self, request: Request) -> float:
        """What to take an answer for that was not predicted, in tokens; within its limit."""
        tokens = self.typical_tokens.get(request.model, self.typical_of_all_tokens)
        return tokens if request.max_tokens is None else max(0.0, min(tokens, request.max_tokens))

    @property
    def needs_distribution(self) -> bool:
        """Whether the rule reads the distributions that `key` is given."""
        return self._rule.needs_distribution

    def provisional_key(self, request: Request) -> int:
        """The place of a request until its length is known, or known to stay unknown.

        Args:
            request: Whose arrival, prompt's tokens and limit the rule reads.
        """
        tokens = PROVISIONAL_LENGTHS * self.expected_tokens(request)
        if request.max_tokens is not None:
            tokens = min(tokens, request.max_tokens)
        job = self._job(request, tokens, None)
        return self._keys.unique(self._rule.provisional_key(job))

    def key(
        self,
        request: Request,
        tokens: float | None = None,
        distribution: LengthDistribution | None = None,
    ) -> int:
        """The place of a request; once for each.

        Args:
            request: Whose arrival, prompt's tokens and limit the rule reads.
            tokens: The mean of the prediction; None if there is none.
            distribution: The whole prediction, where `needs_distribution` says that it is read.

        Raises:
            ValueError: If the length can be none.
        """
        tokens = self.expected_tokens(request) if tokens is None else tokens
        return self._keys.unique(self._rule.key(self._job(request, tokens, distribution)))

    def arrival_key(self, arrival_s: float) -> int:
        """The place by arrival alone: for where making a key failed, so it cannot fail itself."""
        try:
            key = aged_key(arrival_s, 0.0)
        except (TypeError, ValueError):
            key = aged_key(time.time(), 0.0)
        return self._keys.unique(key)

    def finished(self, arrival_s: float, finished: FinishedRequest, batch_size: int = 0) -> None:
        """Learn from the end of a request that has a key; one that was given up counts as out.

        Args:
            arrival_s: Its own, by which the rule knows it.
            finished: How it has ended, with what it waited and ran, in seconds.
            batch_size: Requests that ran as it ended, itself included; 0 if unknown.
        """
        completed = finished.completed
        self._rule.finished(
            FinishedJob(
                arrival_s=arrival_s,
                queued_s=max(0.0, finished.queued_s) if completed else 0.0,
                service_s=max(0.0, finished.service_s) if completed else 0.0,
                input_tokens=finished.input_tokens,
                output_tokens=finished.output_tokens,
                censored=finished.censored,
                batch_size=batch_size,
            )
        )

    def _job(
        self, request: Request, tokens: float, distribution: LengthDistribution | None
    ) -> QueuedJob:
        input_tokens = float(max(0, request.input_tokens))
        return QueuedJob(
            arrival_s=request.arrival_s,
            input_tokens=input_tokens,
            predicted_tokens=tokens,
            service_time_s=self.service_time.service_time_s(tokens, input_tokens),
            distribution=distribution,
        )

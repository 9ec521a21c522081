"""Callers that ask one prediction after the other, and note how each went."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scheduler_client import LengthPredictorError, Prediction, PredictionQuery
from scheduler_client.aio import AsyncLengthPredictorClient

MAX_EXAMPLES = 5
"""Errors and wrong answers kept in words: the first ones say enough."""

Check = Callable[[str, Prediction], str]
"""From a prompt and its answer to what is wrong with it; empty if nothing is."""


@dataclass(slots=True)
class LoadNotes:
    """What callers saw.

    Args:
        latencies_ms: Time of each call that was answered.
        failed: Calls that ended with an error.
        wrong: Answers that are not what they must be.
        examples: The first few errors and wrong answers, in words.
        versions: Answers by the version that gave them.
    """

    latencies_ms: list[float] = field(default_factory=list[float])
    failed: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list[str])
    versions: dict[str, int] = field(default_factory=dict[str, int])

    def went_wrong(self, example: str) -> None:
        """Keep the first few."""
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)


class SteadyLoad:
    """A closed loop: each caller asks again once it has its answer.

    Args:
        client: One client, whose connection all callers share.
        prompts: Asked in turns, again and again.
        callers: How many ask at the same time.
        check: Says of each answer what is wrong with it.
        neighbours: To be named in each answer.
    """

    def __init__(
        self,
        client: AsyncLengthPredictorClient,
        prompts: Sequence[str],
        *,
        callers: int,
        check: Check = lambda _prompt, _prediction: "",
        neighbours: int = 0,
    ) -> None:
        self._client = client
        self._prompts = itertools.cycle(prompts)
        self._callers = callers
        self._check = check
        self._neighbours = neighbours
        self._stopping = False
        self.notes = LoadNotes()

    def begin_notes(self) -> LoadNotes:
        """Note what comes from now on apart; gives the notes so far."""
        notes, self.notes = self.notes, LoadNotes()
        return notes

    async def run(self) -> None:
        """Ask until told to stop."""
        await asyncio.gather(*(self._ask_on() for _ in range(self._callers)))

    def stop(self) -> None:
        """Ask no more; what is under way is still noted."""
        self._stopping = True

    async def _ask_on(self) -> None:
        while not self._stopping:
            await self._ask(next(self._prompts))

    async def _ask(self, prompt: str) -> None:
        sent_s = time.perf_counter()
        try:
            query = PredictionQuery(prompt, neighbour_count=self._neighbours)
            prediction = await self._client.predict(query)
        except LengthPredictorError as error:
            self.notes.failed += 1
            self.notes.went_wrong(f"{type(error).__name__}: {error}")
            return
        notes = self.notes
        notes.latencies_ms.append((time.perf_counter() - sent_s) * 1_000)
        version = prediction.index_version
        notes.versions[version] = notes.versions.get(version, 0) + 1
        if fault := self._check(prompt, prediction):
            notes.wrong += 1
            notes.went_wrong(f"{version}: {fault}")

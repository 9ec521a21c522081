"""Users who each ask, wait for the answer, pause and ask again."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from demo.load.askers import Asker, NoAnswerError
from demo.load.traffic import Course, LoadRequest

PAUSE_AFTER_FAILURE_S = 1.0
"""Before a user asks again who got no answer, in seconds."""

TOLD_EVERY_S = 10.0
"""Between two lines on the terminal, in seconds."""


@dataclass(slots=True)
class UserCounts:
    """What came of the requests since a line was last printed."""

    answered: int = 0
    failed: int = 0
    waited_s: float = 0.0
    trouble: str = ""

    def line(self) -> str:
        """For people."""
        mean_s = self.waited_s / max(self.answered, 1)
        line = f"{self.answered:,} answered after {mean_s:.3f} s on average, {self.failed:,} failed"
        return f"{line}: {self.trouble}" if self.trouble else line


class Users:
    """A closed loop: however slow the answers, no more than one request of each user waits.

    Args:
        asker: Sends each request and waits for its answer.
        prompts: Prompts and usual lengths, without end.
        course: How much longer answers are as time goes on.
        pause_s: Between an answer and the user's next request.
    """

    def __init__(
        self,
        asker: Asker,
        prompts: Iterator[tuple[str, int]],
        course: Course,
        *,
        pause_s: float,
    ) -> None:
        self._asker = asker
        self._prompts = prompts
        self._course = course
        self._pause_s = pause_s
        self._start_s = time.monotonic()
        self.counts = UserCounts()

    async def run(self, count: int) -> None:
        """So many users, until cancelled; a line is printed now and then."""
        async with asyncio.TaskGroup() as group:
            for i in range(count):
                group.create_task(self._user(i / count))
            group.create_task(self._tell())

    async def _user(self, share: float) -> None:
        # Not all at the same moment.
        await asyncio.sleep(share * self._pause_s)
        while True:
            pause_s = await self._ask()
            await asyncio.sleep(pause_s)

    async def _ask(self) -> float:
        """Ask once; how long to pause after it, in seconds."""
        prompt, usual_tokens = next(self._prompts)
        now_s = time.monotonic()
        tokens = self._course.tokens(usual_tokens, now_s - self._start_s)
        try:
            await self._asker.ask(LoadRequest(prompt, tokens))
        except NoAnswerError as error:
            self.counts.failed += 1
            self.counts.trouble = str(error)
            return PAUSE_AFTER_FAILURE_S
        self.counts.answered += 1
        self.counts.waited_s += time.monotonic() - now_s
        return self._pause_s

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            told, self.counts = self.counts, UserCounts()
            print(told.line(), flush=True)

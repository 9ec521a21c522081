"""Gathers prompts from all callers into micro-batches and computes them off the event loop.

One thread computes: torch and FAISS spread each step over the cores themselves, so a second one
would only fight for them. It takes its next micro-batch from the queue by itself, without a round
through the event loop, which meanwhile turns the previous answers into messages.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from length_index.errors import InvalidInputError
from length_index.estimate import Query
from predictor_service.errors import CallError, InvalidRequestError
from predictor_service.failures import unexpected
from predictor_service.fair_queue import Answer, FairQueue, Job, Outcome, Place, QueueLimits
from predictor_service.inference import infer
from predictor_service.pacer import Pacer
from predictor_service.served_index import ServedIndex
from predictor_service.threads import THREAD_PREFIX

log = structlog.get_logger(__name__)

Clock = Callable[[], float]


class MicroBatcher:
    """The way from queries to answers.

    Args:
        current: Gives the index to use; asked once per micro-batch, so that each micro-batch is
            answered by exactly one version.
        limits: Of the queue and of a micro-batch.
        max_wait_s: See `Pacer`.
        prepare_thread: Called once in the computing thread.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        current: Callable[[], ServedIndex],
        *,
        limits: QueueLimits,
        max_wait_s: float,
        prepare_thread: Callable[[], None] = lambda: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._current = current
        self._queue = FairQueue(limits)
        self._pacer = Pacer(max_batch_size=limits.max_batch_size, max_wait_s=max_wait_s)
        self._prepare_thread = prepare_thread
        self._clock = clock
        self._condition = threading.Condition()
        self._asleep = False
        self._queue_was_empty = False
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        name = THREAD_PREFIX + "compute"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def waiting(self) -> int:
        """Prompts in the queue."""
        return self._queue.waiting

    def submit(
        self,
        queries: Sequence[Query],
        *,
        arrived_s: float,
        deadline_s: float = math.inf,
        on_done: Callable[[Job], None],
    ) -> Job:
        """Queue the prompts of one call.

        Args:
            queries: At least one.
            arrived_s: When the call came in, on the batcher's clock.
            deadline_s: When nobody will want the answer any more.
            on_done: Called on the event loop once every prompt has its outcome.

        Raises:
            OverloadedError: The queue is full; nothing was queued.
        """
        job = Job(queries, arrived_s=arrived_s, deadline_s=deadline_s, on_done=on_done)
        with self._condition:
            self._queue.put(job)
            now_s = self._clock()
            self._pacer.arrived(now_s)
            # Waking the thread for every arrival would cost more than the prompts themselves.
            if self._asleep and (
                self._queue_was_empty or self._pacer.wait_s(self._queue.waiting, now_s) == 0
            ):
                self._condition.notify()
        return job

    async def predict(
        self, queries: Sequence[Query], *, deadline_s: float = math.inf
    ) -> list[Outcome]:
        """Queue prompts and wait for their outcomes; cancelling takes them out of the queue."""
        done: asyncio.Future[None] = self._loop.create_future()
        job = self.submit(
            queries,
            arrived_s=self._clock(),
            deadline_s=deadline_s,
            on_done=lambda _: None if done.done() else done.set_result(None),
        )
        try:
            await done
        finally:
            self.discard(job)
        return [outcome for outcome in job.outcomes if outcome is not None]

    def discard(self, job: Job) -> None:
        """Drop what of a job is not yet being encoded: its caller is gone."""
        if job.waiting:
            with self._condition:
                self._queue.discard(job)

    async def stop(self) -> None:
        """Answer everything queued, then end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        await self._stopped

    def _run(self) -> None:
        try:
            self._prepare_thread()
            while (places := self._next_batch()) is not None:
                finished = self._compute(places)
                with self._condition:
                    self._pacer.ended(len(finished), self._clock())
                self._deliver(finished)
        finally:
            self._on_loop(partial(self._stopped.set_result, None))

    def _next_batch(self) -> list[Place] | None:
        """Wait for a micro-batch; None once stopped and empty."""
        with self._condition:
            while True:
                if not self._queue.waiting:
                    if self._stopping:
                        return None
                    self._pause(None)
                    continue
                now_s = self._clock()
                wait_s = self._pacer.wait_s(self._queue.waiting, now_s)
                if wait_s > 0 and not self._stopping:
                    self._pause(wait_s)
                    continue
                taken = self._queue.take(now_s)
                self._deliver(taken.expired)
                if taken.places:
                    return taken.places

    def _pause(self, timeout_s: float | None) -> None:
        """Sleep until notified; without a timeout the next arrival must wake the thread."""
        self._asleep = True
        self._queue_was_empty = timeout_s is None
        self._condition.wait(timeout_s)
        self._asleep = False

    def _compute(self, places: list[Place]) -> list[Job]:
        """Find the outcomes of a micro-batch; gives the jobs that are complete with it."""
        try:
            outcomes = self._outcomes(places)
        except Exception as error:  # noqa: BLE001  the thread must outlive whatever happens
            outcomes = [unexpected(error, where="micro-batch")] * len(places)
        return [
            job
            for (job, i), outcome in zip(places, outcomes, strict=True)
            if job.answer(i, outcome)
        ]

    def _outcomes(self, places: list[Place]) -> Sequence[Outcome]:
        """Compute together, and one by one what failed together: one bad prompt fails alone."""
        started_s = self._clock()
        index = self._current()
        try:
            return _answers(index, places, started_s)
        except Exception as error:  # noqa: BLE001  whatever the index raises is its prompts' fate
            if len(places) == 1:
                return [_refusal(error)]
            log.warning("micro-batch failed, retrying one by one", size=len(places))
        outcomes: list[Outcome] = []
        for place in places:
            try:
                outcomes += _answers(index, [place], started_s)
            except Exception as error:  # noqa: BLE001  as above
                outcomes.append(_refusal(error))
        return outcomes

    def _deliver(self, jobs: list[Job]) -> None:
        if jobs:
            self._on_loop(partial(_finish, jobs))

    def _on_loop(self, callback: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)


def _finish(jobs: list[Job]) -> None:
    for job in jobs:
        job.on_done(job)


def _answers(index: ServedIndex, places: list[Place], started_s: float) -> list[Outcome]:
    estimates, facts = infer(index, [place.query for place in places])
    return [
        Answer(estimate, int((started_s - place.job.arrived_s) * 1e6), facts)
        for place, estimate in zip(places, estimates, strict=True)
    ]


def _refusal(error: Exception) -> CallError:
    if isinstance(error, InvalidInputError):
        return InvalidRequestError(str(error))
    return unexpected(error, where="prediction")

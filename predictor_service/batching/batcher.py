"""Gathers prompts from all callers into micro-batches and computes them off the event loop.

Several threads compute, each a micro-batch of its own on its own cores. The other way, one
micro-batch with every step spread over all cores, wastes them: a forward pass is a hundred short
steps, and at the end of each the cores wait for the slowest, which is the one that also serves
gRPC. On two cores, micro-batches of 16 went 1.5 times as fast through two threads. A thread takes
its next micro-batch from the queue by itself, without a round through the event loop, which
meanwhile turns the previous answers into messages.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.batch_meter import BatchMeter
from predictor_service.batching.fair_queue import (
    Answer,
    FairQueue,
    Job,
    Outcome,
    Place,
    QueueLimits,
)
from predictor_service.batching.inference import infer
from predictor_service.batching.pacer import Pacer
from predictor_service.batching.threads import THREAD_PREFIX
from predictor_service.errors import CallError, InvalidRequestError
from predictor_service.failures import unexpected
from predictor_service.serving_index.served_index import ServedIndex

log = structlog.get_logger(__name__)

Clock = Callable[[], float]

MIN_SHARE = 8
"""Prompts that are not divided between threads: half of them would take as long as all."""


class MicroBatcher:
    """The way from queries to answers.

    Args:
        current: Gives the index to use; asked once per micro-batch, so that each micro-batch is
            answered by exactly one version.
        limits: Of the queue and of a micro-batch.
        max_wait_s: See `Pacer`.
        lanes: Threads that compute, each a micro-batch at a time.
        widen: Called in a thread that computes, at first and whenever it changes, with whether it
            is alone at work and may use all cores; otherwise it is to keep to its share.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        current: Callable[[], ServedIndex],
        *,
        limits: QueueLimits,
        max_wait_s: float,
        lanes: int = 1,
        widen: Callable[[bool], None] = lambda _: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._current = current
        self._queue = FairQueue(limits)
        self._pacer = Pacer(max_batch_size=limits.max_batch_size, max_wait_s=max_wait_s)
        self._widen = widen
        self._clock = clock
        self.meter = BatchMeter()
        self._lock = threading.Lock()
        self._lanes = lanes
        self._busy = 0
        self._asleep: dict[int, threading.Condition] = {}
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        for i in range(lanes):
            name = f"{THREAD_PREFIX}compute-{i}"
            threading.Thread(target=self._run, args=(i,), name=name, daemon=True).start()

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
        with self._lock:
            was_empty = not self._queue.waiting
            self._queue.put(job)
            now_s = self._clock()
            self._pacer.arrived(now_s)
            # Waking a thread for every arrival would cost more than the prompts themselves.
            if was_empty or self._pacer.wait_s(self._queue.waiting, now_s) == 0:
                self._wake_one()
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
            with self._lock:
                self._queue.discard(job)

    async def stop(self) -> None:
        """Answer everything queued, then end the thread."""
        with self._lock:
            self._stopping = True
            for lane in self._asleep.values():
                lane.notify()
        await self._stopped

    def _run(self, lane: int) -> None:
        try:
            was_wide: bool | None = None
            while (batch := self._next_batch(lane)) is not None:
                places, wide = batch
                if wide != was_wide:
                    self._widen(wide)
                    was_wide = wide
                finished = self._compute(places)
                with self._lock:
                    self._busy -= 1
                    self._pacer.ended(len(finished), self._clock())
                    self.meter.computed([job.outcomes[i] for job, i in places])
                self._deliver(finished)
        finally:
            with self._lock:
                self._lanes -= 1
                last = self._lanes == 0
            if last:
                self._on_loop(partial(self._stopped.set_result, None))

    def _next_batch(self, lane: int) -> tuple[list[Place], bool] | None:
        """Wait for a micro-batch, and whether it may use all cores; None once stopped and empty.

        Only the first thread ever may: OpenMP stops spinning where more of its threads are kept
        than there are cores, which costs a lone prompt a third of its time.
        """
        with self._lock:
            while True:
                if not self._queue.waiting:
                    if self._stopping:
                        return None
                    self._pause(lane, None)
                    continue
                now_s = self._clock()
                wait_s = self._pacer.wait_s(self._queue.waiting, now_s)
                if wait_s > 0 and not self._stopping:
                    self._pause(lane, wait_s)
                    continue
                taken = self._queue.take(now_s, self._fair_size())
                self._deliver(taken.expired)
                if taken.places:
                    self._busy += 1
                    if self._queue.waiting:
                        self._wake_one()
                    return taken.places, lane == 0 and self._busy == 1 and not self._queue.waiting

    def _fair_size(self) -> int:
        """An equal share of what waits for each thread that has nothing to do."""
        free = self._lanes - self._busy
        return max(MIN_SHARE, -(-self._queue.waiting // free))

    def _wake_one(self) -> None:
        """Wake the first thread that sleeps."""
        if self._asleep:
            self._asleep[min(self._asleep)].notify()

    def _pause(self, lane: int, timeout_s: float | None) -> None:
        """Sleep until notified; without a timeout the next arrival must wake a thread."""
        self._asleep[lane] = threading.Condition(self._lock)
        self._asleep[lane].wait(timeout_s)
        del self._asleep[lane]

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

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
from typing import NamedTuple

import structlog

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.batch_meter import BatchMeter
from predictor_service.batching.core_choice import CoreChoice
from predictor_service.batching.fair_queue import FairQueue, QueueLimits, Taken
from predictor_service.batching.job import FEW_PROMPTS, Answer, AnswerOrError, Job, Slot
from predictor_service.batching.lone_first import LoneFirst, Turn
from predictor_service.batching.pacer import Pacer
from predictor_service.batching.work_model import WorkModel, cost_chars
from predictor_service.errors import CallError, InvalidRequestError
from predictor_service.failures import unexpected
from predictor_service.serving_index.inference import infer
from predictor_service.serving_index.served_index import ServedIndex
from predictor_service.system.threads import THREAD_PREFIX

log = structlog.get_logger(__name__)

Clock = Callable[[], float]

LEAST_S = 1e-6
"""That a micro-batch is taken to take, which a coarse clock may show as nothing."""


class MicroBatch(NamedTuple):
    """What a thread took to compute.

    Args:
        slots: Its prompts, in the order in which they are served.
        turn: Whose turn it was: that of lone calls, or of bulk.
        chars: What they cost, in characters; see `cost_chars`.
        choose_cores: Whether it is a lone prompt with nobody beside it, which may use all cores.
    """

    slots: list[Slot]
    turn: Turn
    chars: int
    choose_cores: bool


class MicroBatcher:
    """The way from queries to answers.

    Args:
        current: Gives the index to use; asked once per micro-batch, so that each micro-batch is
            answered by exactly one version.
        limits: Bounds of the queue and of a micro-batch.
        max_wait_s: The longest wait for a fuller micro-batch, in seconds; see `Pacer`.
        lanes: Threads that compute, each a micro-batch at a time.
        widen: Called in a thread that computes, at first and whenever it changes, with whether it
            is to use all cores, or else to keep to its share.
        clock: Gives the time in seconds; monotonic.
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
        self._lone_first = LoneFirst(lanes)
        self._work = WorkModel()
        self.core_choice = CoreChoice() if lanes > 1 else None
        self._widen = widen
        self._clock = clock
        self.meter = BatchMeter()
        self._lock = threading.Lock()
        self._lanes = lanes
        self._busy = 0
        self._asleep: dict[int, threading.Condition] = {}
        self._stopping = False
        self._waking = False
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        for i in range(lanes):
            name = f"{THREAD_PREFIX}compute-{i}"
            threading.Thread(target=self._run, args=(i,), name=name, daemon=True).start()

    @property
    def waiting(self) -> int:
        """Prompts in the queue that no micro-batch has taken yet."""
        return self._queue.waiting

    def submit(
        self,
        queries: Sequence[Query],
        *,
        arrived_s: float,
        deadline_s: float = math.inf,
        on_done: Callable[[Job], None],
        of_bulk: bool = False,
    ) -> Job:
        """Queue the prompts of one call; on the event loop alone.

        Args:
            queries: The prompts and what is asked of each; at least one.
            arrived_s: When the call came in, on the batcher's clock.
            deadline_s: When nobody will want the answer any more.
            on_done: Called on the event loop once every prompt has its answer or error.
            of_bulk: Whether it is a piece of something larger, however small by itself.

        Raises:
            OverloadedError: The queue is full; nothing was queued.
        """
        job = Job(
            queries,
            arrived_s=arrived_s,
            deadline_s=deadline_s,
            on_done=on_done,
            of_bulk=of_bulk,
        )
        queue = self._queue
        with self._lock:
            is_first = not (queue.lone_waiting if job.is_lone else queue.bulk_waiting)
            queue.put(job)
            now_s = self._clock()
            self._pacer.arrived(now_s)
            if job.is_lone:
                self._lone_first.lone_came(now_s)
            wanted = is_first or self._pacer.wait_s(queue.waiting, now_s) == 0
        if wanted and not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake)
        return job

    def _wake(self) -> None:
        """Wake a thread for what came, once the event loop has taken in all that came together.

        Waking one for every arrival would cost more than the prompts themselves.
        """
        self._waking = False
        with self._lock:
            if self._queue.waiting:
                self._wake_one(self._clock())

    async def predict(
        self, queries: Sequence[Query], *, deadline_s: float = math.inf
    ) -> list[AnswerOrError]:
        """Queue prompts and wait for what comes of each; cancelling takes them out of the queue."""
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
                wide = self._use_all_cores(batch)
                if wide != was_wide:
                    self._widen(wide)
                    was_wide = wide
                started_s = self._clock()
                finished = self._compute(batch.slots, started_s)
                with self._lock:
                    self._ended(batch, wide, len(finished), started_s)
                self._deliver(finished)
        finally:
            with self._lock:
                self._lanes -= 1
                last = self._lanes == 0
            if last:
                self._on_loop(partial(self._stopped.set_result, None))

    def _next_batch(self, lane: int) -> MicroBatch | None:
        """Wait for a micro-batch; None once stopped and empty."""
        with self._lock:
            while True:
                if not self._queue.waiting:
                    if self._stopping:
                        return None
                    self._pause(lane, None)
                    continue
                now_s = self._clock()
                turn = self._next_turn(now_s)
                if turn is None:
                    self._pause(lane, None)
                    continue
                wait_s = self._pacer.wait_s(self._queue.waiting, now_s)
                if wait_s > 0 and not self._stopping:
                    self._pause(lane, wait_s)
                    continue
                taken = self._take(turn, now_s)
                self._deliver(taken.expired)
                if taken.slots:
                    return self._started(lane, taken.slots, turn, now_s)

    def _next_turn(self, now_s: float) -> Turn | None:
        return self._lone_first.next(self._queue.lone_waiting, self._queue.bulk_waiting, now_s)

    def _take(self, turn: Turn, now_s: float) -> Taken:
        """An equal share of what waits for each thread that could take of it."""
        free = self._lone_first.free_for(turn, self._busy, now_s)
        if not turn.is_bulk:
            return self._queue.take_lone(now_s, _share(self._queue.lone_waiting, free))
        room = None if math.isinf(turn.work_s) else self._work.chars_within(turn.work_s)
        return self._queue.take_bulk(now_s, _share(self._queue.bulk_waiting, free), room)

    def _started(self, lane: int, slots: list[Slot], turn: Turn, now_s: float) -> MicroBatch:
        """Note what a thread took.

        Only the first thread ever may use all cores: OpenMP stops spinning where more of its
        threads are kept than there are cores, which costs a lone prompt a third of its time.
        """
        self._busy += 1
        self._lone_first.started(turn)
        self._wake_one(now_s)
        alone = lane == 0 and self._busy == 1 and not self._queue.waiting
        chars = sum([cost_chars(slot.query) for slot in slots])
        return MicroBatch(slots, turn, chars, choose_cores=alone and not turn.is_bulk)

    def _use_all_cores(self, batch: MicroBatch) -> bool:
        if self.core_choice is None or not batch.choose_cores:
            return False
        return self.core_choice.next()

    def _ended(self, batch: MicroBatch, wide: bool, answered: int, started_s: float) -> None:
        now_s = self._clock()
        took_s = max(now_s - started_s, LEAST_S)
        self._busy -= 1
        self._lone_first.ended(batch.turn)
        self._pacer.ended(answered, now_s)
        if self.core_choice is not None and batch.choose_cores:
            self.core_choice.took(wide, took_s / self._work.seconds(batch.chars))
        self._work.learn(batch.chars, took_s)
        self.meter.computed([job.outcomes[i] for job, i in batch.slots])

    def _wake_one(self, now_s: float) -> None:
        """Wake the first thread that sleeps, if there is something for it."""
        if self._asleep and self._next_turn(now_s) is not None:
            self._asleep[min(self._asleep)].notify()

    def _pause(self, lane: int, timeout_s: float | None) -> None:
        """Sleep until notified; without a timeout the next arrival must wake a thread."""
        self._asleep[lane] = threading.Condition(self._lock)
        self._asleep[lane].wait(timeout_s)
        del self._asleep[lane]

    def _compute(self, slots: list[Slot], started_s: float) -> list[Job]:
        """Answer a micro-batch; gives the jobs that are complete with it."""
        try:
            outcomes = self._outcomes(slots, started_s)
        except Exception as error:  # noqa: BLE001  the thread must outlive whatever happens
            outcomes = [unexpected(error, where="micro-batch")] * len(slots)
        return [
            job for (job, i), outcome in zip(slots, outcomes, strict=True) if job.answer(i, outcome)
        ]

    def _outcomes(self, slots: list[Slot], started_s: float) -> Sequence[AnswerOrError]:
        """Compute together, and one by one what failed together: one bad prompt fails alone."""
        index = self._current()
        try:
            return _answers(index, slots, started_s)
        except Exception as error:  # noqa: BLE001  whatever the index raises is its prompts' fate
            if len(slots) == 1:
                return [_refusal(error)]
            log.warning("micro-batch failed, retrying one by one", size=len(slots))
        outcomes: list[AnswerOrError] = []
        for slot in slots:
            try:
                outcomes += _answers(index, [slot], started_s)
            except Exception as error:  # noqa: BLE001  as above
                outcomes.append(_refusal(error))
        return outcomes

    def _deliver(self, jobs: list[Job]) -> None:
        if jobs:
            self._on_loop(partial(_finish, jobs))

    def _on_loop(self, callback: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)


def _share(waiting: int, free: int) -> int:
    """Of what waits; a few prompts are not divided: half of them would take as long as all."""
    return max(FEW_PROMPTS, -(-waiting // free))


def _finish(jobs: list[Job]) -> None:
    for job in jobs:
        job.on_done(job)


def _answers(index: ServedIndex, slots: list[Slot], started_s: float) -> list[AnswerOrError]:
    estimates, facts = infer(index, [slot.query for slot in slots])
    return [
        Answer(estimate, int((started_s - slot.job.arrived_s) * 1e6), facts)
        for slot, estimate in zip(slots, estimates, strict=True)
    ]


def _refusal(error: Exception) -> CallError:
    if isinstance(error, InvalidInputError):
        return InvalidRequestError(str(error))
    return unexpected(error, where="prediction")

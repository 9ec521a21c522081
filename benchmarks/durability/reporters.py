"""Real clients in threads, which report until everything is acknowledged.

What they report follows from its number, so that what is stored can be checked.
"""

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from benchmarks.harness.template_workload import template_records
from lengthwise.index.record import HistoryRecord
from scheduler_client import (
    CompletedRequest,
    InvalidRequestError,
    LengthPredictorClient,
    LengthPredictorError,
)

DIFFERENT_PROMPTS = 1_000
"""Completions differ by their ids; their prompts and lengths come again after these."""

LLM = "an-llm"


@cache
def _answered() -> list[HistoryRecord]:
    return template_records(DIFFERENT_PROMPTS)


def completion(run: str, number: int) -> CompletedRequest:
    """One completion of a run. Ids are as scattered as engines' own."""
    done = _answered()[number % DIFFERENT_PROMPTS]
    scattered = hashlib.blake2b(number.to_bytes(8), digest_size=12).hexdigest()
    return CompletedRequest(f"{run}-{scattered}", done.output_tokens, done.prompt, model=LLM)


def all_completions(run: str, count: int) -> Iterator[CompletedRequest]:
    """The first completions of a run."""
    return (completion(run, number) for number in range(count))


RETRY_AFTER_S = 0.02
"""Between a call that was not acknowledged and its repetition, in seconds."""

TIMEOUT_S = 20.0
"""Of a report, in seconds."""


@dataclass(slots=True)
class Receipts:
    """What the service has acknowledged.

    Args:
        ids: Request ids of the completions that were acknowledged.
        stored: How many it said it has newly stored.
        duplicates: How many it said it knew.
        failed_calls: Calls that were not acknowledged, and were repeated.
    """

    ids: set[str] = field(default_factory=set[str])
    stored: int = 0
    duplicates: int = 0
    failed_calls: int = 0


class Reporters:
    """Threads that report the completions of a run, each its own share, in reports of random size.

    Args:
        target: Address of the service, as gRPC takes it.
        run: Name of the run, which is part of its completions' ids.
        count: Completions to report, over all threads.
        threads: Clients that report at the same time.
        largest: Completions in a report, at most.
        seed: Decides the size of each report.
    """

    def __init__(
        self, target: str, run: str, count: int, *, threads: int, largest: int, seed: int
    ) -> None:
        self._target = target
        self._run = run
        self._count = count
        self._largest = largest
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._next = 0
        self._stopping = False
        self._error: BaseException | None = None
        self.receipts = Receipts()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    @property
    def acknowledged(self) -> int:
        """Completions acknowledged so far."""
        return len(self.receipts.ids)

    def start(self) -> None:
        """Begin to report."""
        for thread in self._threads:
            thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until all is acknowledged.

        Raises:
            RuntimeError: It is not within this time.
            Exception: A client failed in a way that repeating does not help.
        """
        ends_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, ends_s - time.monotonic()))
        self._stopping = True
        if self._error is not None:
            raise self._error
        if self.acknowledged < self._count:
            raise RuntimeError(
                f"{self.acknowledged:,} of {self._count:,} completions were acknowledged "
                f"within {timeout_s:g} s"
            )

    def _work(self) -> None:
        try:
            while (share := self._take()) and not self._stopping:
                self._report(share)
        except BaseException as error:  # noqa: BLE001  handed to whoever joins
            self._error = error

    def _take(self) -> range:
        with self._lock:
            first = self._next
            size = self._random.randint(1, self._largest)
            self._next = min(self._count, first + size)
            return range(first, self._next)

    def _report(self, share: range) -> None:
        completions = [completion(self._run, number) for number in share]
        while not self._stopping:
            try:
                # A client of its own each time: one that has lost its server waits before it
                # connects again, longer and longer.
                with LengthPredictorClient(self._target, timeout_s=TIMEOUT_S) as client:
                    receipt = client.report(completions)
            except InvalidRequestError:
                raise
            except LengthPredictorError:
                with self._lock:
                    self.receipts.failed_calls += 1
                time.sleep(RETRY_AFTER_S)
                continue
            with self._lock:
                self.receipts.ids.update(one.request_id for one in completions)
                self.receipts.stored += receipt.stored
                self.receipts.duplicates += receipt.duplicates
            return

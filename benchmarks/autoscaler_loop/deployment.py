"""A Deployment and its service without a Kubernetes: real processes, as many as it is set to."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

from benchmarks.autoscaler_loop.replica import Replica, least_loaded, victims
from testbed.engine import Engine

Launch = Callable[[int], AbstractContextManager[Engine]]
"""A port: an engine that serves there while the context lasts; entering waits until it is ready."""


@dataclass(frozen=True, slots=True)
class Action:
    """A change of the wanted number.

    Args:
        at_s: When, after the start of the run.
        before: Replicas that were wanted until then.
        after: Replicas that are wanted from then on.
    """

    at_s: float
    before: int
    after: int


class Deployment:
    """Starts and drains engines, and hands requests to those that serve.

    Args:
        launch: Starts one.
        ports: That engines may have: one is free again when its engine has ended.
    """

    def __init__(self, launch: Launch, ports: Sequence[int]) -> None:
        self._launch = launch
        self._ports = ports
        self._start_s = time.monotonic()
        self.wanted = 0
        self._lives: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self.replicas: list[Replica] = []
        self.actions: list[Action] = []

    async def __aenter__(self) -> "Deployment":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all, drained or not, and raise what kept one from starting."""
        for replica in self.replicas:
            replica.stop.set()
        ends = await asyncio.gather(*self._lives, return_exceptions=True)
        failures = [end for end in ends if isinstance(end, BaseException)]
        if failures and error is None:
            raise failures[0]

    def now_s(self) -> float:
        """Seconds after the start of the run."""
        return time.monotonic() - self._start_s

    def begin(self) -> float:
        """The run starts now: who serves already is there from its beginning.

        Returns:
            The start, by `time.monotonic`.
        """
        self._start_s = time.monotonic()
        self.actions.clear()
        for replica in self.replicas:
            replica.asked_s = replica.ready_s = 0.0
        return self._start_s

    def scale(self, wanted: int) -> None:
        """Set the number of replicas; what is missing starts, what is too many drains."""
        now_s = self.now_s()
        if wanted != self.wanted:
            self.actions.append(Action(now_s, self.wanted, wanted))
            self.wanted = wanted
        self._reconcile(now_s)

    async def serving(self, count: int) -> None:
        """Wait until so many serve.

        Raises:
            TestbedError: One did not start.
        """
        async with self._changed:
            while sum(replica.serves for replica in self.replicas) < count:
                for life in self._lives:
                    if life.done() and (error := life.exception()):
                        raise error
                await self._changed.wait()

    @asynccontextmanager
    async def endpoint(self) -> AsyncGenerator[Replica]:
        """The engine to send the next request to, outstanding while the context lasts.

        The least loaded one; while none serves, the request waits.
        """
        async with self._changed:
            while (replica := least_loaded(self.replicas)) is None:
                await self._changed.wait()
            replica.outstanding += 1
        try:
            yield replica
        finally:
            replica.outstanding -= 1
            replica.stop_if_drained()

    def _reconcile(self, now_s: float) -> None:
        staying = sum(replica.draining_s is None for replica in self.replicas)
        for replica in victims(self.replicas, max(0, staying - self.wanted)):
            replica.drain(now_s)
        taken = {replica.port for replica in self.replicas if replica.ended_s is None}
        free = [port for port in self._ports if port not in taken]
        for port in free[: max(0, self.wanted - staying)]:
            replica = Replica(port, now_s)
            self.replicas.append(replica)
            self._lives.append(asyncio.create_task(self._live(replica)))

    async def _live(self, replica: Replica) -> None:
        loop = asyncio.get_running_loop()

        def served() -> None:
            with self._launch(replica.port):
                asyncio.run_coroutine_threadsafe(self._ready(replica), loop).result()
                replica.stop.wait()

        try:
            await asyncio.to_thread(served)
        finally:
            replica.ended_s = self.now_s()
            async with self._changed:
                self._changed.notify_all()
        self._reconcile(replica.ended_s)  # its port is free: who waited for one may start

    async def _ready(self, replica: Replica) -> None:
        replica.ready_s = self.now_s()
        replica.stop_if_drained()
        async with self._changed:
            self._changed.notify_all()

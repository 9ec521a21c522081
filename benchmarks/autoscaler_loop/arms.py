"""One day under one way to scale."""

import asyncio
import math
import sys
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.autoscaler_loop.deployment import Action, Deployment
from benchmarks.autoscaler_loop.fleet import MOST, SCALED, engine_options, write_config
from benchmarks.autoscaler_loop.load import mean_tokens
from benchmarks.autoscaler_loop.replica import Replica
from benchmarks.harness.report import say
from testbed.completions import body_of
from testbed.engine import Engine, running_engine
from testbed.keda.twin import SYNC_S, KedaTwin
from testbed.replay import Outcome, ask
from testbed.server_process import free_port, running_server
from testbed.workload import Request

FOLLOWED = "autoscaler"
STATIC: Mapping[str, int] = {"always 1": 1, f"always {MOST}": MOST}
ARMS = (*STATIC, FOLLOWED)

SCALER_TIMEOUT_S = 60.0
"""For the start of the external scaler: seconds, if the machine is not busy."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one run gave.

    Args:
        arm: How the engines were scaled: one of ARMS.
        outcomes: Of the requests, in the order of their arrival.
        replicas: All engines that there were, in the order in which they were asked for.
        actions: Changes of the wanted number after the start.
        ended_s: When the last answer was complete.
        errors: That KEDA got for an answer.
    """

    arm: str
    outcomes: Sequence[Outcome]
    replicas: Sequence[Replica]
    actions: Sequence[Action]
    ended_s: float
    errors: Sequence[str] = ()

    @property
    def instance_s(self) -> float:
        """Seconds of engines, from when each was asked for until it had ended, or the day did."""
        return sum(self.end_s(one) - one.asked_s for one in self.replicas)

    def end_s(self, replica: Replica) -> float:
        """When an engine had ended, or the day did."""
        return self.ended_s if replica.ended_s is None else min(self.ended_s, replica.ended_s)


class DayRun:
    """One day, to be served.

    Args:
        arm: How the engines are scaled: one of ARMS.
        requests: In the order of their arrival.
        model: Folder of the tiny model.
        folder: For logs and the configuration.
    """

    def __init__(self, arm: str, requests: Sequence[Request], model: Path, folder: Path) -> None:
        self._arm = arm
        self._requests = requests
        self._model = model
        self._folder = folder
        self._ports = [free_port() for _ in range(MOST)]
        self._keda_port = free_port()

    def serve(self) -> Day:
        """Serve all requests, and end all processes."""
        if self._arm != FOLLOWED:
            return asyncio.run(self._day(STATIC[self._arm]))
        with self._running_scaler():
            return asyncio.run(self._day(SCALED.least))

    @contextmanager
    def _running_scaler(self) -> Generator[None]:
        """`python -m autoscaler keda` while the context lasts."""
        config, log_file = self._folder / "fleet.yaml", self._folder / "autoscaler.log"
        write_config(config, self._ports, self._keda_port, mean_tokens(self._requests))
        with running_server(
            [sys.executable, "-m", "autoscaler", "keda", "--config", str(config)],
            lambda: f"at port {self._keda_port}" in log_file.read_text("utf-8"),
            log_file,
            environment={"PYTHONUNBUFFERED": "1"},
            timeout_s=SCALER_TIMEOUT_S,
        ):
            yield

    async def _day(self, count: int) -> Day:
        async with Deployment(self._launch, self._ports) as deployment:
            deployment.scale(count)
            await deployment.serving(count)
            say(f"{self._arm}: {len(self._requests)} requests")
            start_s = deployment.begin()
            errors: Sequence[str] = ()
            if self._arm == FOLLOWED:
                async with self._following(deployment, count) as errors:
                    outcomes = await self._replayed(deployment, start_s)
            else:
                outcomes = await self._replayed(deployment, start_s)
            ended_s = deployment.now_s()
        replicas, actions = deployment.replicas, deployment.actions
        return Day(self._arm, outcomes, replicas, actions, ended_s, errors)

    def _launch(self, port: int) -> AbstractContextManager[Engine]:
        return running_engine(self._model, self._folder, engine_options(), port=port)

    @asynccontextmanager
    async def _following(self, deployment: Deployment, count: int) -> AsyncGenerator[Sequence[str]]:
        """Set the deployment to what KEDA and the HPA make of the scaler's answers.

        Yields:
            What went wrong with them, as it comes.
        """
        twin = KedaTwin(f"127.0.0.1:{self._keda_port}", SCALED, count)

        async def wait(at_s: float) -> None:
            await asyncio.sleep(at_s - deployment.now_s())

        async def scale(_: float) -> None:
            if twin.replicas != deployment.wanted:
                say(f"{deployment.now_s():.0f} s: {deployment.wanted} -> {twin.replicas} engines")
            deployment.scale(twin.replicas)

        following = asyncio.create_task(twin.run(SYNC_S, math.inf, wait, scale))
        try:
            yield twin.errors
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            await twin.close()

    async def _replayed(self, deployment: Deployment, start_s: float) -> list[Outcome]:
        """Send each request at its time to the least loaded engine, and wait for all answers."""
        model = engine_options().served_name(str(self._model))

        async def one(request: Request) -> Outcome:
            body = body_of(request, model)
            await asyncio.sleep(request.arrival_s - deployment.now_s())
            async with deployment.endpoint() as replica:
                outcome = await ask(replica.port, request, body, start_s)
                if outcome.failed and replica.draining_s is not None:
                    replica.failed_while_draining += 1
            return outcome

        return await asyncio.gather(*map(one, self._requests))

"""Two replicas as real processes, one of which is killed."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery
from scheduler_client import LengthPredictorClient
from scheduler_client.advisor import asker as asker_module
from scheduler_client.advisor.asker import Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.aio import AsyncLengthPredictorClient
from tests.predictor_service.waiting import until

REPOSITORY = Path(__file__).parents[2]


class Replica:
    """A service of its own folder, which answers by a version that names it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "CURRENT").write_text(folder.name)
        options = {"index": folder, "port": 0, "port_file": folder / "port", "threads": 1}
        command = [sys.executable, "-m", "tests.predictor_service.served"]
        command += [f"{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    @property
    def target(self) -> str:
        assert self.process.stdout is not None
        if not (self.folder / "port").exists():
            assert b"Lengthwise serves" in self.process.stdout.readline()
        return f"127.0.0.1:{int((self.folder / 'port').read_text())}"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> "Replica":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def replicas(tmp_path) -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Replica(tmp_path / name)) for name in ("one", "two")]


def targets(replicas: list[Replica]) -> str:
    return ",".join(replica.target for replica in replicas)


def test_of_two_replicas_one_killed_under_load_costs_no_prediction(replicas):
    answered: list[str] = []
    done = threading.Event()

    def caller(client: LengthPredictorClient, name: int) -> None:
        i = 0
        while not done.is_set():
            i += 1
            answered.append(client.predict(f"{name}-{i}").index_version)

    with (
        LengthPredictorClient(targets(replicas), timeout_s=20) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        callers = [threads.submit(caller, client, name) for name in range(16)]
        try:
            wait_for(answered, 400, callers)
            assert set(answered) == {"one", "two"}
            replicas[0].kill()
            before = len(answered)
            wait_for(answered, before + 400, callers)
        finally:
            done.set()
        for one in callers:
            one.result(timeout=30)
    assert set(answered[-100:]) == {"two"}


def wait_for(answered: list[str], count: int, callers: list) -> None:
    while len(answered) < count:
        for one in callers:
            if one.done():
                one.result()
        threading.Event().wait(0.01)


async def test_hundreds_of_predictions_under_way_in_the_killed_one_are_answered_by_the_other(
    replicas,
):
    one, two = replicas
    (two.folder / "go").touch()  # what waits in the one is answered at once by the other
    async with AsyncLengthPredictorClient(targets(replicas), timeout_s=30) as client:
        # Both connections stand before the calls are spread over them.
        seen: set[str] = set()
        while len(seen) < 2:
            seen.add((await client.predict("hello")).index_version)
        calls = [asyncio.ensure_future(client.predict("wait")) for _ in range(600)]
        await until((one.folder / "waiting").exists)
        await until(lambda: sum(call.done() for call in calls) >= 300)
        one.kill()
        answers = await asyncio.gather(*calls)
    assert {answer.index_version for answer in answers} == {"two"}


async def test_what_an_engine_waits_for_in_the_killed_one_is_answered_by_the_other(
    replicas, monkeypatch
):
    monkeypatch.setattr(asker_module, "BATCH_SIZE", 1)
    settings = AdvisorSettings(targets(replicas), answer_timeout_s=30.0)
    connection = Connection(settings)
    asker = Asker(settings, connection, RateLimitedLog(time.monotonic))
    first = await asker.ask(PredictionQuery("hello", neighbour_count=0))
    assert isinstance(first, Prediction)
    # One stream, so one of the two; what waits there is answered at once by the other.
    one, two = replicas if first.index_version == "one" else reversed(replicas)
    (two.folder / "go").touch()
    asked = [asker.ask(PredictionQuery("wait", neighbour_count=0)) for _ in range(12)]
    await until((one.folder / "waiting").exists)
    one.kill()
    answers = await asyncio.gather(*asked)
    assert {a.index_version for a in answers if isinstance(a, Prediction)} == {two.folder.name}
    assert asker.breaker.state == "closed"
    await asker.close()
    await connection.close()

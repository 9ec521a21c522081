"""A real predictor's process that hangs, dies and comes back while requests go on."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lengthwise.prediction import Prediction
from scheduler_client.advisor import breaker
from tests.scheduler_client.advisor.helpers import SLACK_S, query

REPOSITORY = Path(__file__).parents[3]
TIMEOUT_S = 0.25


@pytest.fixture
def launch(tmp_path):
    """Starts a predictor over a fake index, on a port of its choice or a given one."""
    (tmp_path / "CURRENT").write_text("v1")
    launched: list[subprocess.Popen] = []

    def start(port=0):
        (tmp_path / "port").unlink(missing_ok=True)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.predictor_service.served",
                f"index={tmp_path}",
                f"port={port}",
                f"port_file={tmp_path / 'port'}",
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        launched.append(process)
        assert process.stdout is not None
        assert "Lengthwise serves index" in process.stdout.readline()
        return process, int((tmp_path / "port").read_text())

    yield start
    for process in launched:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def asker_of(make_asker, monkeypatch):
    monkeypatch.setattr(breaker, "FAILURES", 3)
    monkeypatch.setattr(breaker, "OPEN_S", 0.1)
    return lambda port: make_asker(f"127.0.0.1:{port}", answer_timeout_s=TIMEOUT_S)


async def ask(asker, count):
    """Ask one after another; return what came, and the longest that it took."""
    answers, longest_s = [], 0.0
    for n in range(count):
        began_s = time.monotonic()
        answers.append(await asker.ask(query(f"prompt {n}")))
        longest_s = max(longest_s, time.monotonic() - began_s)
    return answers, longest_s


async def until_predicted(asker):
    async with asyncio.timeout(30):
        while not isinstance(await asker.ask(query()), Prediction):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_stopped_predictor_is_given_up_in_time_and_then_left_alone(launch, asker_of):
    process, port = await asyncio.to_thread(launch)
    asker = asker_of(port)
    await until_predicted(asker)

    process.send_signal(signal.SIGSTOP)
    answers, longest_s = await ask(asker, 6)
    assert answers[:3] == ["deadline"] * 3
    assert longest_s < TIMEOUT_S + SLACK_S
    assert "breaker_open" in answers[3:]

    process.send_signal(signal.SIGCONT)
    await until_predicted(asker)


async def test_a_killed_predictor_is_found_again_when_it_is_back(launch, asker_of):
    process, port = await asyncio.to_thread(launch)
    asker = asker_of(port)
    await until_predicted(asker)

    process.kill()
    process.wait()
    answers, longest_s = await ask(asker, 20)
    assert not any(isinstance(answer, Prediction) for answer in answers)
    assert longest_s < TIMEOUT_S + SLACK_S
    assert asker.breaker.state != "closed"

    await asyncio.to_thread(launch, port)
    await until_predicted(asker)

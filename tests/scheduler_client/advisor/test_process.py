"""A real predictor's process that hangs, dies and comes back while requests go on."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scheduler_client.advisor.helpers import SLACK_S, question, until

REPOSITORY = Path(__file__).parents[3]
DEADLINE_S = 0.25


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
def advisor_of(make_advisor):
    def make(port):
        return make_advisor(
            f"127.0.0.1:{port}",
            deadline_s=DEADLINE_S,
            breaker_failures=3,
            breaker_open_s=0.1,
            breaker_max_open_s=0.3,
        )

    return make


async def ask(advisor, count, *, pause_s=0.0):
    """Ask one after another; return the causes and the longest wait."""
    causes, longest_s = [], 0.0
    for n in range(count):
        began_s = time.monotonic()
        causes.append((await advisor.advise(question(f"r{n}", f"prompt {n}"))).fallback)
        longest_s = max(longest_s, time.monotonic() - began_s)
        await asyncio.sleep(pause_s)
    return causes, longest_s


async def until_predicted(advisor):
    async with asyncio.timeout(30):
        while (await advisor.advise(question())).fallback is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_stopped_predictor_costs_a_few_requests_their_deadline_and_then_nothing(
    launch, advisor_of
):
    process, port = await asyncio.to_thread(launch)
    advisor = advisor_of(port)
    await until_predicted(advisor)

    process.send_signal(signal.SIGSTOP)
    causes, longest_s = await ask(advisor, 6)
    # The third call may end just after the third request gave it up: a fourth is then asked about.
    assert causes.count("deadline") in (3, 4)
    assert causes[4:] == ["breaker_open"] * 2
    assert longest_s < DEADLINE_S + SLACK_S
    # Some of these carry probes, which hang too; nobody waits for one.
    causes, _ = await ask(advisor, 50, pause_s=0.02)
    assert set(causes) == {"breaker_open"}

    process.send_signal(signal.SIGCONT)
    await until_predicted(advisor)


async def test_a_killed_predictor_is_found_again_when_it_is_back(launch, advisor_of):
    process, port = await asyncio.to_thread(launch)
    advisor = advisor_of(port)
    await until_predicted(advisor)

    process.kill()
    process.wait()
    causes, longest_s = await ask(advisor, 20)
    assert None not in causes
    assert longest_s < DEADLINE_S + SLACK_S
    await until(lambda: advisor.counters.breaker_state != "closed")

    await asyncio.to_thread(launch, port)
    await until_predicted(advisor)
    assert advisor.counters.internal_errors == 0

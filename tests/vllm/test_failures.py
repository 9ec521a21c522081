"""The predictor or the sidecar dies, hangs and comes back while a real engine serves."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vllm.engines import Caller, asked_again, counted, sidecars_of, until
from tests.wait_until import wait_until

REQUESTS = 60


@pytest.fixture
def healed(engine, predictor):
    """Whatever a test does to the predictor, the next one finds it in service."""
    yield
    predictor.kill()
    predictor.start()
    wait_until(asked_again(engine), "predictions after the predictor's return")


async def serve_while(engine, *happenings) -> int:
    """Answers that came while things happened in the middle of the run."""
    async with Caller(engine) as caller:

        async def at(number: int):
            await asyncio.sleep(0.03 * number)
            return await caller.complete(f"request {number}", 4)

        requests = [asyncio.create_task(at(number)) for number in range(REQUESTS)]
        for happening in happenings:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(happening)
        answers = await asyncio.gather(*requests)
    return sum(answer["usage"]["completion_tokens"] == 4 for answer in answers)


def fallbacks(engine, *causes) -> float:
    return sum(counted(engine, "lengthwise_fallbacks_total", cause=cause) for cause in causes)


async def test_killing_the_predictor_loses_no_request(engine, predictor, healed):
    before = fallbacks(engine, "predictor_error", "breaker_open")
    assert await serve_while(engine, predictor.kill) == REQUESTS
    wait_until(
        lambda: fallbacks(engine, "predictor_error", "breaker_open") > before, "the fallbacks"
    )
    assert "no predictions" in engine.log_file.read_text()


async def test_a_predictor_that_hangs_costs_no_request_anything(engine, predictor, healed):
    before = fallbacks(engine, "deadline", "not_asked")
    assert await serve_while(engine, predictor.hang) == REQUESTS
    wait_until(lambda: fallbacks(engine, "deadline", "not_asked") > before, "the fallbacks")
    predictor.go_on()


async def test_a_predictor_that_was_restarted_is_asked_again(engine, predictor, healed):
    assert await serve_while(engine, predictor.kill, predictor.start) == REQUESTS


async def test_a_sidecar_that_was_killed_is_started_again_and_no_request_is_lost(engine):
    (pid,) = sidecars_of(engine)
    assert await serve_while(engine, lambda: os.kill(pid, signal.SIGKILL)) == REQUESTS
    await until(asked_again(engine), "predictions through another sidecar")
    assert sidecars_of(engine) not in ([], [pid])


async def test_requests_go_on_while_the_sidecar_stands_still_and_the_socket_is_full(
    engine, predictor
):
    """A sidecar that is slow to start looks the same: nothing is read."""
    (pid,) = sidecars_of(engine)
    long = "a prompt that fills the socket " * 100
    before = len(predictor.reported())
    os.kill(pid, signal.SIGSTOP)
    try:
        async with Caller(engine) as caller:
            answers = await asyncio.gather(*(caller.complete(long, 2) for _ in range(100)))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert len(answers) == 100
    # Before anything else is asked: an engine with nothing to do makes no steps.
    wait_until(lambda: len(predictor.reported()) >= before + 100, "every length of that time")
    await until(asked_again(engine), "predictions afterwards")


HOLDER = """
import sys, time
from scheduler_client.vllm_plugin.messages import EngineInfo
from scheduler_client.vllm_plugin.sidecar_process import SidecarProcess
from tests.wait_until import wait_until
process = SidecarProcess(EngineInfo(None, 0))
wait_until(lambda: process._line is not None, "the start")
print(process._child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_no_sidecar_outlives_a_core_that_was_killed_though_it_stood_still(predictor, stopped):
    environment = {**os.environ, "LENGTHWISE_TARGET": predictor.target}
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as core:
        pid = int(core.stdout.readline())
        # It has asked the kernel to be told of its parent's end once it ignores this signal.
        wait_until(lambda: ignores(pid, signal.SIGTERM), "the sidecar's start")
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        core.kill()
    wait_until(lambda: not running(pid), "the sidecar's end")


def ignores(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) >> (number - 1) & 1)


def running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False

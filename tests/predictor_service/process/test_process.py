"""Real processes and real signals."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1 import length_predictor_pb2_grpc as pb_grpc
from predictor_service.process.supervisor import restart_delay_s
from tests.predictor_service.paused_postgres import paused
from tests.predictor_service.served import KILL
from tests.predictor_service.waiting import until

REPOSITORY = Path(__file__).parents[3]


class Process:
    """A running service."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.channel: Any = None

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), timeout=30)).decode()

    async def log_until(self, text: str) -> str:
        assert self.process.stderr is not None
        while True:
            line = await asyncio.wait_for(self.process.stderr.readline(), timeout=30)
            assert line, f"the log ended without {text!r}"
            if text in line.decode():
                return line.decode()

    async def connect(self) -> pb_grpc.LengthPredictorStub:
        """Wait until it serves, then connect."""
        assert "Lengthwise serves index" in await self.line()
        return await self.connect_anew()

    async def connect_anew(self) -> pb_grpc.LengthPredictorStub:
        """Connect to whichever process takes the connection now."""
        if self.channel is not None:
            await self.channel.close()
        port = int((self.folder / "port").read_text())
        self.channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        return pb_grpc.LengthPredictorStub(self.channel)

    async def exit_code(self) -> int:
        return await asyncio.wait_for(self.process.wait(), timeout=30)


@pytest.fixture
async def launch(tmp_path) -> AsyncIterator[Any]:
    (tmp_path / "CURRENT").write_text("v1")
    launched: list[Process] = []

    async def start(
        *arguments: str,
        module: str = "tests.predictor_service.served",
        stdout: Any = asyncio.subprocess.PIPE,
    ) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=REPOSITORY,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )
        launched.append(Process(process, tmp_path))
        return launched[-1]

    def fake(stdout: Any = asyncio.subprocess.PIPE, **options: object):
        options = {"index": tmp_path, "port": 0, "port_file": tmp_path / "port"} | options
        return start(*[f"{name}={value}" for name, value in options.items()], stdout=stdout)

    start.fake = fake
    yield start
    for running in launched:
        if running.process.returncode is None:
            running.process.kill()
            await running.process.wait()
        if running.channel is not None:
            await running.channel.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_once_what_it_accepted_is_answered(launch, tmp_path, number):
    service = await launch.fake()
    stub = await service.connect()
    call = asyncio.ensure_future(stub.Predict(pb.PredictRequest(prompt="wait")))
    await until((tmp_path / "waiting").exists)
    service.process.send_signal(number)
    await service.log_until("stopping")
    (tmp_path / "go").touch()
    assert (await call).index_version == "v1"
    assert await service.exit_code() == 0


async def test_it_can_be_stopped_while_it_loads(launch, tmp_path):
    (tmp_path / "CURRENT").write_text("never")
    service = await launch.fake()
    await until((tmp_path / "loading").exists)
    service.process.terminate()
    assert await service.exit_code() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_it_can_be_stopped_while_its_database_hangs(launch, postgres_place):
    service = await launch.fake(completions=postgres_place, drain_timeout_s=0.1)
    stub = await service.connect()
    completions = [pb.Completion(request_id="a", prompt="hi", output_tokens=7)]
    with paused(postgres_place):
        call = asyncio.ensure_future(stub.Report(pb.ReportRequest(completions=completions)))
        await stub.GetIndexInfo(pb.GetIndexInfoRequest())  # after the report, on its connection
        service.process.terminate()
        assert await service.exit_code() == 0
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_a_hangup_swaps_to_the_newest_index(launch, tmp_path):
    service = await launch.fake()
    stub = await service.connect()
    (tmp_path / "CURRENT").write_text("v2")
    service.process.send_signal(signal.SIGHUP)
    await service.log_until("version=v2")
    assert (await stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v2"


def children(pid: int) -> list[str]:
    """Processes that a process has started, on Linux."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_hangup_while_its_processes_still_import_ends_none_of_them(launch, tmp_path):
    service = await launch.fake(processes=2)
    # The two, and what Python has tidy up after them.
    await until(lambda: len(children(service.process.pid)) >= 3)
    service.process.send_signal(signal.SIGHUP)
    stub = await service.connect()
    assert (await stub.Predict(pb.PredictRequest(prompt="hello"))).index_version == "v1"
    lines = [await service.log_until("index is the newest already") for _ in range(2)]
    assert {"worker=0" in line for line in lines} == {True, False}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
async def test_it_serves_though_nobody_can_be_told_that_it_does(launch, tmp_path):
    full = os.open("/dev/full", os.O_WRONLY)
    service = await launch.fake(stdout=full)
    os.close(full)
    await until((tmp_path / "port").exists)
    stub = await service.connect_anew()
    answer = await stub.Predict(pb.PredictRequest(prompt="hello"), wait_for_ready=True, timeout=20)
    assert answer.index_version == "v1"
    service.process.terminate()
    assert await service.exit_code() == 0


async def test_every_process_follows_the_place_of_the_index_without_a_signal(launch, tmp_path):
    service = await launch.fake(processes=2, index_poll_s=0.05)
    await service.connect()
    (tmp_path / "CURRENT").write_text("v2")
    lines = [await service.log_until("version=v2") for _ in range(2)]
    assert {"worker=0" in line for line in lines} == {True, False}


async def test_a_port_that_is_taken_ends_it_with_one_line_and_exit_code_1(launch, tmp_path):
    first = await launch.fake()
    await first.connect()
    port = int((tmp_path / "port").read_text())
    second = await launch.fake(port=port, completions=tmp_path / "c.jsonl")
    assert await second.exit_code() == 1
    assert second.process.stderr is not None
    lines = (await second.process.stderr.read()).decode().splitlines()
    assert [line for line in lines if "error" in line] == lines[-1:]
    assert lines[-1].startswith(f"error: port {port} on 127.0.0.1 is taken")


async def test_a_bad_option_ends_it_before_anything_is_loaded(launch, tmp_path):
    service = await launch("--index", str(tmp_path), "--port", "99999", module="predictor_service")
    assert await service.exit_code() == 1
    assert service.process.stderr is not None
    error = (await service.process.stderr.read()).decode()
    assert error == (
        "error: LENGTHWISE_PORT / --port is '99999': expected a whole number from 0 to 65,535\n"
    )


async def test_several_processes_share_a_port_and_stop_together(launch):
    service = await launch.fake(processes=2)
    stub = await service.connect()
    for i in range(5):
        await stub.Predict(pb.PredictRequest(prompt=f"p{i}"))
    service.process.terminate()
    assert await service.exit_code() == 0


async def test_a_worker_that_crashes_is_started_again_while_the_others_serve(launch):
    service = await launch.fake(processes=2)
    stub = await service.connect()
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.Predict(pb.PredictRequest(prompt=KILL))
    assert "exit_code=-9" in await service.log_until("worker ended, restarting")
    # On the old connection a first call may still fail, of which clients make a second.
    stub = await service.connect_anew()
    answer = await stub.Predict(pb.PredictRequest(prompt="hello"), wait_for_ready=True, timeout=20)
    assert answer.index_version == "v1"
    await service.log_until("index switched")
    service.process.terminate()
    assert await service.exit_code() == 0


async def test_workers_end_when_their_supervisor_is_killed(launch, tmp_path):
    service = await launch.fake(processes=2)
    stub = await service.connect()
    await stub.Predict(pb.PredictRequest(prompt="hello"))
    service.process.kill()
    assert service.process.stdout is not None
    # The workers hold the pipe too: it ends when the last of them has.
    assert await asyncio.wait_for(service.process.stdout.read(), timeout=30) == b""


async def test_workers_that_cannot_start_end_the_service_with_their_reason(launch, tmp_path):
    (tmp_path / "CURRENT").unlink()
    service = await launch.fake(processes=2)
    assert await service.exit_code() == 1
    assert service.process.stderr is not None
    last = (await service.process.stderr.read()).decode().splitlines()[-1]
    assert last.startswith(f"error: --index {tmp_path} cannot be served")
    assert "CURRENT" in last


def test_restarts_come_slower_and_slower_up_to_a_limit():
    assert [restart_delay_s(n) for n in (1, 2, 3, 7, 100)] == [0.5, 1.0, 2.0, 30.0, 30.0]

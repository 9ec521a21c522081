"""A service on a real socket, with an index that the test controls."""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2_grpc as pb_grpc
from predictor_service.config import ServiceConfig, read_config
from predictor_service.process.service import Service
from tests.predictor_service.fakes import FakeIndex, FakeSource


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LENGTHWISE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., ServiceConfig]:
    def make(**options: Any) -> ServiceConfig:
        return read_config({"index": tmp_path, "port": 0, **options})

    return make


@dataclass
class Running:
    """A service that listens, and a client's channel to it."""

    service: Service
    index: FakeIndex
    port: int
    channel: grpc.aio.Channel
    stub: pb_grpc.LengthPredictorStub
    stopped: bool = False

    async def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            await self.service.stop()


@pytest.fixture
async def serve(make_config) -> AsyncIterator[Callable[..., Any]]:
    started: list[Running] = []

    async def start(*indexes: Any, load: bool = True, **options: Any) -> Running:
        indexes = indexes or (FakeIndex(),)
        # One micro-batch at a time, unless the test says otherwise: its gate holds up the rest.
        service = Service(
            make_config(**{"threads": 1, "index_poll_s": 0, **options}), FakeSource(*indexes)
        )
        port = await service.listen()
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        running = Running(service, indexes[0], port, channel, pb_grpc.LengthPredictorStub(channel))
        started.append(running)
        if load:
            await service.load()
            indexes[0].encoded.clear()
            indexes[0].searched.clear()
            while indexes[0].entered.acquire(blocking=False):
                pass
        return running

    yield start
    for running in started:
        running.index.gate.set()
        await running.stop()
        await running.channel.close()

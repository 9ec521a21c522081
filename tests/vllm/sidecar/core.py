"""The engine core, as the sidecar's tests play it."""

import asyncio
import dataclasses
import os
import socket

from prometheus_client import CollectorRegistry

from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Ended,
    EngineInfo,
    Learnt,
    Predicted,
    decode_to_core,
    encode,
)
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.sidecar.board import Board, new_memory
from scheduler_client.vllm_plugin.sidecar.sidecar import Sidecar
from tests.scheduler_client.advisor.helpers import prediction


class Core:
    """The engine core's side, and the sidecar at the other end."""

    def __init__(self, model, target, **options) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        theirs.setblocking(False)
        self.registry = CollectorRegistry()
        settings = AdvisorSettings(target, **{"report_interval_s": 0.01, **options})
        memory = new_memory()
        self.board = Board.at(memory)
        os.close(memory)
        self.sidecar = Sidecar(settings, theirs, self.board, PluginMetrics(self.registry))
        self.run = asyncio.create_task(self.sidecar.run())
        arguments = {"tokenizer_name": str(model), "tokenizer_mode": "auto", "revision": None}
        self.tell(EngineInfo(arguments, 0))
        self.learnt: Learnt | None = None

    def asks(self, client) -> None:
        """Have a scripted predictor asked."""
        self.sidecar._connection._connect = lambda _: client

    def tell(self, *messages) -> None:
        for message in messages:
            self.ours.send(encode([message]))

    async def tell_as_it_reads(self, *messages) -> None:
        """The same for more than the socket holds."""
        loop = asyncio.get_running_loop()
        for message in messages:
            await loop.sock_sendall(self.ours, encode([message]))

    async def hear(self) -> Predicted:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            while True:
                message = decode_to_core(await loop.sock_recv(self.ours, MAX_PACKET_BYTES))
                if isinstance(message, Predicted):
                    return message
                self.learnt = message

    async def hear_of_unknown(self) -> list[int]:
        """Numbers of requests that go without a prediction; of none that has one."""
        lengths = (await self.hear()).lengths
        assert all(tokens is None for _, tokens, _ in lengths)
        return [number for number, _, _ in lengths]

    def counted(self, name, **labels) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    async def end(self) -> None:
        self.ours.close()
        await self.run


STOP, LENGTH = 1, 2
"""Of the contract's FinishReason."""


HELLO = [7592]  # of MiniLM's vocabulary, as the next: "hello", "world", "."
WORLD, POINT = 2088, 1012


def ended(number, tokens=7, reason="stop", decode_s=0.7, **options):
    finished = FinishedRequest(tokens, 1, reason, queued_s=0.0, prefill_s=0.01, decode_s=decode_s)
    return Ended(number, f"cmpl-{number}", finished, **options)


async def until(holds) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  the conditions are other people's state
            await asyncio.sleep(0.01)


def of_levels(count):
    """A prediction of so many quantiles."""
    levels = tuple((n + 1) / (count + 1) for n in range(count))
    return dataclasses.replace(
        prediction(10.0),
        quantile_levels=levels,
        quantile_tokens=tuple(float(n) for n in range(count)),
    )

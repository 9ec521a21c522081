"""Asks a service, in a process of its own: `python -m benchmarks.lone_prompt.callers PROMPTS PORT`.

A lone caller asks one prompt and pauses; bulk callers ask batch after batch without a pause. Each
kind has a process, so that neither waits for the other's Python.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc

from benchmarks.harness.children import answer_lines
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1.length_predictor_pb2_grpc import LengthPredictorStub

BULK_PROMPTS = 256
"""In a message of a bulk caller: as many as the client of this project sends at once."""

PAUSE_S = 0.02
"""Between a lone caller's answer and its next prompt, in seconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What callers are to do.

    Args:
        bulk_callers: That ask in batches; 0 for a lone caller.
        seconds: How long they ask.
    """

    bulk_callers: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it.

    Args:
        latencies_ms: Of each message.
        predictions_per_s: Over the time from the first message to the last answer.
    """

    latencies_ms: list[float]
    predictions_per_s: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


async def ask(stub: Any, prompts: list[str], asked: Asked) -> Answered:
    """Ask until the time is over."""
    turns = cycle(prompts)
    latencies_ms: list[float] = []
    started_s = time.perf_counter()

    async def timed(method: Any, message: Any) -> None:
        sent_s = time.perf_counter()
        await method(message)
        latencies_ms.append((time.perf_counter() - sent_s) * 1_000)

    async def caller() -> None:
        while time.perf_counter() - started_s < asked.seconds:
            if asked.bulk_callers:
                requests = [pb.PredictRequest(prompt=next(turns)) for _ in range(BULK_PROMPTS)]
                await timed(stub.PredictBatch, pb.PredictBatchRequest(requests=requests))
            else:
                await timed(stub.Predict, pb.PredictRequest(prompt=next(turns)))
                await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*(caller() for _ in range(max(1, asked.bulk_callers))))
    per_message = BULK_PROMPTS if asked.bulk_callers else 1
    wall_s = time.perf_counter() - started_s
    return Answered(latencies_ms, per_message * len(latencies_ms) / wall_s)


async def _connected(port: int, prompts: list[str], asked: Asked) -> Answered:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.channel_ready()
        return await ask(LengthPredictorStub(channel), prompts, asked)


def main() -> None:
    """Answer what is asked for with what came of it."""
    prompts: list[str] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    port = int(sys.argv[2])

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run(_connected(port, prompts, Asked(**request))).to_dict()

    answer_lines(answer)


if __name__ == "__main__":
    main()

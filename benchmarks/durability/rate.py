"""How many completions per second are acknowledged as durable, without kills."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import grpc

from benchmarks.durability.reporters import all_completions
from benchmarks.harness.processes import cpu_seconds
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1.length_predictor_pb2_grpc import LengthPredictorStub
from scheduler_client import CompletedRequest


@dataclass(frozen=True, slots=True)
class Rate:
    """One measurement.

    Args:
        completions: How many the service acknowledged.
        per_message: Completions in each report's message.
        callers: Reports that are under way at the same time.
        wall_s: Until the last was acknowledged.
        service_cpu_s: Of the service, learning included.
        asker_cpu_s: Of this process, on the same cores.
    """

    completions: int
    per_message: int
    callers: int
    wall_s: float
    service_cpu_s: float
    asker_cpu_s: float

    @property
    def per_s(self) -> float:
        """Completions acknowledged per second."""
        return self.completions / self.wall_s


async def measure_rate(
    target: str, pid: int, run: str, count: int, *, per_message: int, callers: int
) -> Rate:
    """Report and wait; messages are made before the clock starts.

    Raises:
        RuntimeError: Not everything was newly stored.
    """
    messages = [
        pb.ReportRequest(
            completions=[
                pb.Completion(
                    request_id=one.request_id,
                    prompt=one.prompt,
                    model=one.model,
                    output_tokens=one.output_tokens,
                )
                for one in chunk
            ]
        )
        for chunk in _chunks(all_completions(run, count), per_message)
    ]
    async with grpc.aio.insecure_channel(target) as channel:
        await channel.channel_ready()
        stub = LengthPredictorStub(channel)
        cpu_s, asker_cpu_s, started_s = cpu_seconds(pid), time.process_time(), time.perf_counter()
        queue = iter(messages)
        stored = sum(await asyncio.gather(*(_report_all(stub, queue) for _ in range(callers))))
        wall_s = time.perf_counter() - started_s
        asker_cpu_s = time.process_time() - asker_cpu_s
    if stored != count:
        raise RuntimeError(f"{stored:,} of {count:,} completions were newly stored")
    return Rate(count, per_message, callers, wall_s, cpu_seconds(pid) - cpu_s, asker_cpu_s)


async def _report_all(stub: Any, messages: Iterator[Any]) -> int:
    return sum([(await stub.Report(message)).stored for message in messages])


def _chunks(completions: Iterator[CompletedRequest], size: int) -> Iterator[list[CompletedRequest]]:
    while chunk := list(islice(completions, size)):
        yield chunk

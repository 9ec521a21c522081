"""Asks a service, in a process of its own.

`python -m benchmarks.service_load.generator PROMPTS PORT` answers jobs with results. PROMPTS is a
JSON file of strings. Messages are made before the clock starts, so that what is measured is the
service and the wire. The generated stubs are used as they are, but for calls that the client makes
one message of.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc

from benchmarks.harness.children import answer_lines
from benchmarks.service_load.http_caller import HttpCaller
from benchmarks.service_load.job import LoadJob, LoadResult
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1.length_predictor_pb2_grpc import LengthPredictorStub
from scheduler_client import AsyncLengthPredictorClient, CoalescingPredictor

TIMEOUT_S = 60.0
"""For one answer."""

MAX_MESSAGE_BYTES = 64 * 2**20
"""Of an answer, beyond gRPC's default of 4 MiB."""


class Pass:
    """One pass over the prompts.

    Args:
        job: How many callers ask, in which way.
        prompts: To ask, as many as the job says.
        port: Where the service listens, on this machine.
    """

    def __init__(self, job: LoadJob, prompts: list[str], port: int) -> None:
        self._job = job
        self._port = port
        self._latencies_ms: list[float] = []
        self._answers: list[Any] = []
        size = job.per_message
        self._chunks = [prompts[i : i + size] for i in range(0, len(prompts), size)]

    async def run(self) -> LoadResult:
        """Ask everything."""
        if self._job.kind == "http":
            return await self._run_http()
        if self._job.kind == "coalesced":
            return await self._run_coalesced()
        channels = [_open_channel(self._port) for _ in range(self._job.connections)]
        try:
            await asyncio.gather(*(channel.channel_ready() for channel in channels))
            return await self._run_grpc([LengthPredictorStub(channel) for channel in channels])
        finally:
            for channel in channels:
                await channel.close()

    async def _run_grpc(self, stubs: list[Any]) -> LoadResult:
        messages = iter([self._message(chunk) for chunk in self._chunks])
        callers = {"unary": self._unary, "batch": self._batch, "stream": self._stream}
        call = callers[self._job.kind]
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(call(stubs[i % len(stubs)], messages) for i in range(self._job.callers))
        )
        wall_s = time.perf_counter() - started_s
        cpu_s = time.process_time() - started_cpu_s
        sizes = [size for answer in self._answers for size in batch_sizes(answer)]
        mean_batch = sum(sizes) / len(sizes)
        return LoadResult(wall_s, len(sizes), self._latencies_ms, cpu_s, mean_batch)

    def _message(self, chunk: list[str]) -> Any:
        requests = [
            pb.PredictRequest(
                prompt=prompt, model=self._job.model, neighbour_count=self._job.neighbour_count
            )
            for prompt in chunk
        ]
        if self._job.kind == "unary":
            return requests[0]
        kind = pb.PredictBatchRequest if self._job.kind == "batch" else pb.PredictStreamRequest
        return kind(requests=requests)

    async def _unary(self, stub: Any, messages: Iterator[Any]) -> None:
        for message in messages:
            self._note(time.perf_counter(), await stub.Predict(message))

    async def _batch(self, stub: Any, messages: Iterator[Any]) -> None:
        for message in messages:
            self._note(time.perf_counter(), await stub.PredictBatch(message))

    async def _stream(self, stub: Any, messages: Iterator[Any]) -> None:
        window = asyncio.Semaphore(self._job.in_flight)
        sent_s: list[float] = []

        async def requests() -> AsyncIterator[Any]:
            for message in messages:
                await window.acquire()
                sent_s.append(time.perf_counter())
                yield message

        answered = 0
        async for response in stub.PredictStream(requests()):
            self._note(sent_s[answered], response)
            answered += 1
            window.release()

    def _note(self, sent_s: float, answer: Any) -> None:
        self._latencies_ms.append((time.perf_counter() - sent_s) * 1_000)
        self._answers.append(answer)

    async def _run_coalesced(self) -> LoadResult:
        prompts = iter([prompt for chunk in self._chunks for prompt in chunk])
        sizes: list[int] = []
        target = f"127.0.0.1:{self._port}"
        async with (
            AsyncLengthPredictorClient(target, timeout_s=TIMEOUT_S) as client,
            CoalescingPredictor(client) as predictor,
        ):

            async def call() -> None:
                for prompt in prompts:
                    sent_s = time.perf_counter()
                    answer = await predictor.predict(
                        prompt, model=self._job.model, neighbour_count=self._job.neighbour_count
                    )
                    self._latencies_ms.append((time.perf_counter() - sent_s) * 1_000)
                    sizes.append(answer.timing.batch_size)

            await predictor.predict("The connection is made before the clock starts.")
            started_s, started_cpu_s = time.perf_counter(), time.process_time()
            await asyncio.gather(*(call() for _ in range(self._job.callers)))
            wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
        return LoadResult(wall_s, len(sizes), self._latencies_ms, cpu_s, sum(sizes) / len(sizes))

    async def _run_http(self) -> LoadResult:
        chunks = iter(self._chunks)
        answered = 0

        async def call(caller: HttpCaller) -> None:
            nonlocal answered
            for chunk in chunks:
                sent_s = time.perf_counter()
                await caller.embed(chunk)
                self._latencies_ms.append((time.perf_counter() - sent_s) * 1_000)
                answered += len(chunk)

        callers = [HttpCaller(self._port) for _ in range(self._job.callers)]
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        await asyncio.gather(*(call(caller) for caller in callers))
        wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
        for caller in callers:
            caller.close()
        return LoadResult(wall_s, answered, self._latencies_ms, cpu_s, 0.0)


def _open_channel(port: int) -> grpc.aio.Channel:
    options = [
        ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ]
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options)


def batch_sizes(answer: Any) -> list[int]:
    """The micro-batch of each prediction in an answer.

    Raises:
        RuntimeError: A prompt was not predicted, or answered from the cache.
    """
    if isinstance(answer, pb.PredictResponse):
        responses = [answer]
    else:
        responses = [result.response for result in answer.results]
    for response in responses:
        if not response.distribution.tokens or not response.timing.batch_size:
            raise RuntimeError("a prompt was not predicted, or from the cache: nothing to measure")
    return [response.timing.batch_size for response in responses]


def main() -> None:
    """Answer jobs with results."""
    prompts: list[str] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    port = int(sys.argv[2])

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        job = LoadJob(**request)
        return asyncio.run(Pass(job, prompts[: job.prompts], port).run()).to_dict()

    answer_lines(answer)


if __name__ == "__main__":
    main()

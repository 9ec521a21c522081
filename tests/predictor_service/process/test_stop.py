"""A graceful stop: what was accepted is answered, nothing more is accepted."""

import asyncio

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from tests.predictor_service.waiting import entered, until


async def in_flight(running, *prompts: str) -> list[asyncio.Future]:
    """Calls of which the first is being encoded and the rest wait."""
    running.index.gate.clear()
    calls = [asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt=prompts[0])))]
    await entered(running.index)
    calls += [
        asyncio.ensure_future(running.stub.Predict(pb.PredictRequest(prompt=prompt)))
        for prompt in prompts[1:]
    ]
    await until(lambda: running.service.batcher.waiting == len(prompts) - 1)
    return calls


async def test_calls_in_flight_are_answered_and_new_ones_refused(serve):
    running = await serve(max_batch_size=2)
    calls = await in_flight(running, "a", "b", "c", "d")
    stopping = asyncio.create_task(running.stop())
    await until(lambda: running.service.stopping)
    assert not running.service.health.serving
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.Predict(pb.PredictRequest(prompt="too late"), timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    running.index.gate.set()
    answers = await asyncio.gather(*calls)
    assert [answer.index_version for answer in answers] == ["v1"] * 4
    await stopping
    assert "too late" not in running.index.prompts


async def test_a_stop_takes_no_longer_than_its_drain_timeout(serve):
    running = await serve(drain_timeout_s=0.05)
    (call,) = await in_flight(running, "stuck")
    await asyncio.wait_for(running.stop(), timeout=15)
    with pytest.raises(grpc.aio.AioRpcError):
        await call


async def test_reports_in_flight_are_stored_before_it_ends(serve, tmp_path):
    path = tmp_path / "c.jsonl"
    running = await serve(completions=path)
    reports = [
        asyncio.ensure_future(
            running.stub.Report(
                pb.ReportRequest(
                    completions=[pb.Completion(request_id=f"r{i}", prompt="p", output_tokens=1)]
                )
            )
        )
        for i in range(20)
    ]
    await reports[0]
    await running.stop()
    stored = sum([r.result().stored for r in await settled(reports) if r.exception() is None])
    assert len(path.read_text().splitlines()) == stored


async def settled(calls):
    await asyncio.wait(calls)
    return calls

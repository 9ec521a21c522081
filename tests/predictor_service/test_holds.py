"""What happens to a service in a month and must not end it."""

import asyncio
import shutil

import grpc
import pytest

from index_builder.build.builder import build_index
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1 import length_predictor_pb2_grpc as pb_grpc
from predictor_service.process.service import Service
from predictor_service.serving_index.artifact_source import ArtifactSource
from tests.lengthwise.index.fakes import BagOfWords, topic_history

IDLE_CONNECTIONS = 400
"""Enough that a thread or a task for each would show; few enough for a test."""


async def test_an_index_whose_folder_is_deleted_under_the_service_is_served_on(
    make_config, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("lengthwise.index.index.load_encoder", lambda *_, **__: BagOfWords())
    store = tmp_path / "store"
    build_index(topic_history(300), store, BagOfWords())
    config = make_config(index=store, threads=1, index_poll_s=0)
    service = Service(config, ArtifactSource(store, threads=1))
    port = await service.listen()
    version = await service.load()
    shutil.rmtree(store)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = pb_grpc.LengthPredictorStub(channel)
        for prompt in ("topic0-a topic0-b filler1", "something else"):
            await service.switcher.follow()
            answer = await stub.Predict(pb.PredictRequest(prompt=prompt))
            assert answer.index_version == version
        assert (await stub.GetIndexInfo(pb.GetIndexInfoRequest())).rows == 300
    await service.stop()
    assert "Traceback" not in capsys.readouterr().err


async def test_many_connections_that_say_nothing_hold_nobody_up(serve):
    running = await serve()
    idle = [
        await asyncio.open_connection("127.0.0.1", running.port) for _ in range(IDLE_CONNECTIONS)
    ]
    for i in range(20):
        answer = await running.stub.Predict(pb.PredictRequest(prompt=f"p{i}"), timeout=20)
        assert answer.index_version == "v1"
    for _, writer in idle:
        writer.close()


async def test_refused_reports_do_not_fill_the_log(serve, tmp_path, capsys, monkeypatch):
    running = await serve(completions=tmp_path / "completions.jsonl")
    log = running.service._completions._log

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "_write", full)
    for i in range(50):
        with pytest.raises(grpc.aio.AioRpcError, match="No space left"):
            await running.stub.Report(
                pb.ReportRequest(
                    completions=[pb.Completion(request_id=f"{i}", prompt="hi", output_tokens=1)]
                )
            )
    assert capsys.readouterr().out.count("reports not stored") == 1

"""A database that hangs: reports are told so, predictions and the stop do not wait for it."""

import asyncio
import sys

import grpc
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.completions import group_commit
from tests.lengthwise.history.database.helpers import ids
from tests.predictor_service.completions.test_database import completion, report
from tests.predictor_service.paused_postgres import paused
from tests.predictor_service.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


async def refused(running, *names: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="has not answered for over") as caught:
        await report(running, *map(completion, names))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def repeated(running, *names: str) -> tuple[int, int]:
    """Report as a client does: again for as long as the service says that it is unavailable."""
    while True:
        try:
            return await report(running, *map(completion, names))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        await asyncio.sleep(0.01)


async def test_a_report_to_a_database_that_hangs_is_told_to_come_again_and_is_stored_once(
    serve, postgres_place, monkeypatch
):
    running = await serve(completions=postgres_place)
    await report(running, completion("before"))
    with paused(postgres_place):
        with monkeypatch.context() as patched:
            patched.setattr(group_commit, "PATIENCE_S", 0.1)
            await asyncio.gather(*[refused(running, name) for name in "abc"])
        await asyncio.wait_for(refused(running, "d"), 20)  # by now it is known to hang
        await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    stored, duplicates = await repeated(running, "before", *"abcd")
    assert stored + duplicates == 5
    assert sorted(ids(postgres_place)) == sorted(["before", *"abcd"])
    info = await running.stub.GetIndexInfo(pb.GetIndexInfoRequest())
    assert info.reported == 5


async def test_a_database_that_hangs_holds_up_a_stop_no_longer_than_the_drain_timeout(
    serve, postgres_place, capsys
):
    running = await serve(completions=postgres_place, drain_timeout_s=0.1)
    await report(running, completion("before"))
    with paused(postgres_place):
        call = asyncio.ensure_future(report(running, completion("a")))
        await until(lambda: running.service._servicer._active)
        await asyncio.wait_for(running.stop(), 20)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert "completions were still being stored" in capsys.readouterr().out


async def test_a_database_that_is_known_to_hang_is_not_waited_for_by_a_stop(
    serve, postgres_place, monkeypatch, capsys
):
    running = await serve(completions=postgres_place, drain_timeout_s=600)
    await report(running, completion("before"))
    monkeypatch.setattr(group_commit, "PATIENCE_S", 0.1)
    with paused(postgres_place):
        await refused(running, "a")
        await asyncio.wait_for(running.stop(), 20)
    assert "what keeps them does not answer" in capsys.readouterr().out

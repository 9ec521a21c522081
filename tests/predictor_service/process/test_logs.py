"""The log: no prompt in it, whatever happens."""

import io
import sqlite3
import sys

import grpc
import pytest
import structlog

from lengthwise.v1 import index_admin_pb2 as admin_pb
from lengthwise.v1 import index_admin_pb2_grpc as admin_grpc
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.process.logs import set_up_logs
from tests.predictor_service.fakes import POISON, FakeIndex
from tests.predictor_service.waiting import until

MARK = "xyzzy-4711"


@pytest.fixture
def logged(make_config, monkeypatch, capfd):
    """All that is logged, at every level, and what native code writes, as an operator gets it."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    before = structlog.get_config()
    set_up_logs(make_config(log_level="debug", log_format="json"))

    def read():
        text = stream.getvalue() + "".join(capfd.readouterr())
        assert '"event": "stopped"' in text
        return text

    yield read
    structlog.configure(**before)


class QuotingIndex(FakeIndex):
    """Fails as libraries do: with its input in the error's text."""

    def encode(self, prompts):
        if any(POISON in prompt for prompt in prompts):
            raise ValueError(f"cannot encode {prompts!r}")
        return super().encode(prompts)


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def predict_in_every_way(stub):
    """Answers, refusals of each kind, and failures inside."""
    good = pb.PredictRequest(prompt=f"good {MARK}", request_id=f"id {MARK}")
    poison = pb.PredictRequest(prompt=f"{POISON} {MARK}")
    await stub.Predict(good)
    await stub.Predict(good)
    assert (await refused(stub.Predict(poison))).code() is grpc.StatusCode.INTERNAL
    for bad in (
        pb.PredictRequest(prompt=MARK * 1_000),
        pb.PredictRequest(prompt=MARK, messages=[pb.ChatMessage(role="user", content=MARK)]),
        pb.PredictRequest(prompt=MARK, max_tokens=0),
        pb.PredictRequest(prompt=MARK, model=MARK * 1_000),
    ):
        assert (await refused(stub.Predict(bad))).code() is grpc.StatusCode.INVALID_ARGUMENT
    await stub.PredictBatch(pb.PredictBatchRequest(requests=[good, poison]))
    call = stub.PredictStream()
    for request in (good, poison):
        await call.write(pb.PredictStreamRequest(requests=[request]))
    await call.done_writing()
    assert len([answer async for answer in call]) == 2


def completion(prompt, request_id):
    return pb.Completion(prompt=prompt, request_id=request_id, output_tokens=5)


async def test_no_log_line_holds_the_text_of_a_prompt(serve, logged, tmp_path):
    running = await serve(
        QuotingIndex(),
        max_prompt_chars=1_000,
        completions=str(tmp_path / "history.db"),
        completions_max_age_days=1,
    )
    stub = running.stub
    await predict_in_every_way(stub)
    rows = [completion(f"good {MARK}", "r1"), completion(f"{POISON} {MARK}", "r2")]
    await stub.Report(pb.ReportRequest(completions=rows))
    await stub.Report(pb.ReportRequest(completions=rows))  # known already
    await refused(stub.Report(pb.ReportRequest(completions=[completion(MARK, "")])))
    await until(lambda: running.service.learner.left_out == 1)
    garbage = running.channel.unary_unary("/lengthwise.v1.LengthPredictor/Predict")
    await refused(garbage(b"\x0a\xff" + MARK.encode()))
    switch = admin_grpc.IndexAdminStub(running.channel).SwitchIndex
    await refused(switch(admin_pb.SwitchIndexRequest(version=MARK)))
    await running.stop()
    text = logged()
    assert text.count("unexpected exception") >= 3  # the failures were logged, and with
    assert "ValueError" in text  # their kind
    assert MARK not in text


async def test_a_database_that_fails_is_logged_without_the_rows(serve, logged, tmp_path):
    place = tmp_path / "history.db"
    running = await serve(completions=str(place))
    with sqlite3.connect(place) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            if not name.startswith("sqlite_")
        ]
        for table in tables:
            connection.execute(f'DROP TABLE "{table}"')
    rows = [completion(f"good {MARK}", "r1")]
    error = await refused(running.stub.Report(pb.ReportRequest(completions=rows)))
    await running.stop()
    assert MARK not in error.details() + logged()


async def test_no_token_is_logged(serve, logged, tmp_path):
    token = f"{MARK}-{MARK}"
    (tmp_path / "tokens").write_text(f"engine {token}\n")
    running = await serve(predict_token_file=tmp_path / "tokens")
    for shown in (token, f"{token}-wrong"):
        metadata = (("authorization", f"Bearer {shown}"),)
        call = running.stub.Predict(pb.PredictRequest(prompt="hello"), metadata=metadata)
        if shown == token:
            await call
        else:
            await refused(call)
    await running.stop()
    assert MARK not in logged()

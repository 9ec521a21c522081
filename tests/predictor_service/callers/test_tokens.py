"""Bearer tokens: which class of methods wants which, and how one replaces another."""

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.callers import watched_files
from predictor_service.callers.tokens import MethodClass, TokenSet, digest, method_class
from predictor_service.errors import ConfigError
from scheduler_client import Access, AccessDeniedError, AsyncLengthPredictorClient

PREDICT, REPORT, OLD = "predict-" * 4, "report-" * 4, "replaced-" * 4


@pytest.fixture
def files(tmp_path):
    (tmp_path / "predict").write_text(f"# the engines'\nengine {PREDICT}\n")
    (tmp_path / "report").write_text(f"{REPORT}\n")
    return {
        "predict_token_file": tmp_path / "predict",
        "report_token_file": tmp_path / "report",
    }


def client_with(port, tmp_path, token=""):
    (tmp_path / "shown").write_text(token)
    access = Access(token=str(tmp_path / "shown") if token else "")
    return AsyncLengthPredictorClient(f"127.0.0.1:{port}", access=access)


async def test_without_a_token_a_caller_is_told_how_to_send_one(serve, files, tmp_path):
    running = await serve(**files)
    async with client_with(running.port, tmp_path) as client:
        with pytest.raises(
            AccessDeniedError, match=r"no token came, .* to predict: .*--token-file"
        ):
            await client.predict("hello")
        with pytest.raises(AccessDeniedError, match="no token came"):
            await client.info()
        with pytest.raises(AccessDeniedError, match="no token came"):
            async for _ in client.predict_stream(["hello"]):
                pass


async def test_with_a_wrong_token_a_caller_is_told_so_and_the_token_is_not_quoted(
    serve, files, tmp_path, capfd
):
    running = await serve(**files)
    async with client_with(running.port, tmp_path, "guessed-" * 4) as client:
        with pytest.raises(AccessDeniedError, match="not one of those that may predict") as caught:
            await client.predict("hello")
    assert "guessed" not in str(caught.value) + "".join(capfd.readouterr())


async def test_a_token_is_good_for_its_own_class_alone(serve, files, tmp_path):
    running = await serve(**files)
    async with client_with(running.port, tmp_path, PREDICT) as client:
        assert (await client.predict("hello")).expected_tokens > 0
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.Report(
            pb.ReportRequest(), metadata=(("authorization", f"Bearer {PREDICT}"),)
        )
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "the token 'engine' may predict, but not report" in caught.value.details()


async def test_one_file_may_stand_for_two_classes(serve, files, tmp_path):
    running = await serve(**files | {"report_token_file": files["predict_token_file"]})
    async with client_with(running.port, tmp_path, PREDICT) as client:
        await client.predict("hello")
        await client.info()


async def test_health_and_reflection_want_no_token(serve, files, tmp_path):
    running = await serve(**files)
    async with client_with(running.port, tmp_path) as client:
        assert (await client.health()).name == "SERVING"
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    wanted = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([wanted])):
        names = [service.name for service in answer.list_services_response.service]
    assert "lengthwise.v1.LengthPredictor" in names


async def test_tokens_are_rotated_without_a_restart(serve, files, tmp_path, monkeypatch):
    monkeypatch.setattr(watched_files, "LOOK_PERIOD_S", 0.0)
    files["predict_token_file"].write_text(f"{OLD}\n")
    running = await serve(**files)
    async with client_with(running.port, tmp_path, OLD) as client:
        await client.predict("one")
        files["predict_token_file"].write_text(f"{OLD}\n{PREDICT}\n")
        await client.predict("two")
        (tmp_path / "shown").write_text(PREDICT)
        await client.predict("three")
        files["predict_token_file"].write_text(f"{PREDICT}\n")
        await client.predict("four")
        (tmp_path / "shown").write_text(OLD)
        with pytest.raises(AccessDeniedError):
            await client.predict("five")


async def test_a_broken_token_file_leaves_the_old_tokens_in_force(
    serve, files, tmp_path, monkeypatch
):
    monkeypatch.setattr(watched_files, "LOOK_PERIOD_S", 0.0)
    running = await serve(**files)
    files["predict_token_file"].write_text("short\n")
    async with client_with(running.port, tmp_path, PREDICT) as client:
        await client.predict("hello")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no token: expected one on each line"),
        ("too-short", "line 1 has a token of 9 characters: expected 16 or more"),
        ("a b c", "line 1 has 3 words: expected NAME TOKEN"),
    ],
)
async def test_a_token_file_that_cannot_be_used_stops_the_start(serve, files, text, message):
    files["predict_token_file"].write_text(text)
    with pytest.raises(ConfigError, match=f"--predict-token-file: .*{message}"):
        await serve(**files)


def test_what_is_kept_of_a_token_is_not_the_token(files):
    tokens = TokenSet.read(files["predict_token_file"])
    assert tokens.find(digest(PREDICT)) == "engine"
    assert PREDICT not in repr(tokens)


def test_every_method_has_a_class_and_an_unknown_one_the_rarest():
    service = pb.DESCRIPTOR.services_by_name["LengthPredictor"]
    classes = {m.name: method_class(f"/{service.full_name}/{m.name}") for m in service.methods}
    assert classes == {
        "Predict": MethodClass.PREDICT,
        "PredictBatch": MethodClass.PREDICT,
        "PredictStream": MethodClass.PREDICT,
        "GetIndexInfo": MethodClass.PREDICT,
        "Report": MethodClass.REPORT,
    }
    assert method_class("/lengthwise.v1.IndexAdmin/SwitchIndex") is MethodClass.ADMIN

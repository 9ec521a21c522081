"""Telling a service which version to serve, and being told how well it predicts."""

import json
from concurrent import futures

import grpc
import pytest

from lengthwise.v1 import index_admin_pb2 as pb
from lengthwise.v1 import index_admin_pb2_grpc as pb_grpc
from lengthwise.v1 import length_predictor_pb2_grpc as predictor_grpc
from scheduler_client import IndexSwitch, InvalidRequestError, LengthPredictorClient
from scheduler_client.aio import AsyncLengthPredictorClient
from scheduler_client.cli.commands import main
from tests.scheduler_client.fake_service import FakeService


class Administered(pb_grpc.IndexAdminServicer, FakeService):
    """Serves v2 after v1, and can only tell its place where told so."""

    place_told = True

    def SwitchIndex(self, request, context):  # noqa: N802  the contract's name
        if request.version == "v9":
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no version 'v9'")
        return pb.SwitchIndexResponse(
            index_version=request.version or "newest",
            version_before="v1",
            place_told=self.place_told,
        )

    def RollBack(self, request, context):  # noqa: N802  the contract's name
        return pb.RollBackResponse(index_version="v0", version_before="v1", place_told=True)

    def GetIndexInfo(self, request, context):  # noqa: N802  the contract's name
        told = super().GetIndexInfo(request, context)
        told.previous_version, told.swaps, told.refused_swaps = "v0", 3, 1
        told.switched_unix_s = 1_700_000_100.0
        told.drift.add(
            model="llm",
            rows=1_000,
            mae_tokens=75,
            promised_mae_tokens=50,
            kendall_tau_b=0.61,
            coverage_90=0.78,
            promised_coverage_90=0.9,
            alarm=True,
            reason="the mean error is 75 tokens",
        )
        told.drift.add(model="new", rows=2)
        return told


@pytest.fixture
def administered():
    service = Administered()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    predictor_grpc.add_LengthPredictorServicer_to_server(service, server)
    pb_grpc.add_IndexAdminServicer_to_server(service, server)
    service.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield service
    server.stop(0).wait(10)


def test_a_switch_says_what_is_served_now_and_what_was_before(administered):
    with LengthPredictorClient(administered.target, timeout_s=20) as client:
        assert client.switch_index("v2") == IndexSwitch("v2", "v1", place_told=True)
        assert client.switch_index().version == "newest"
        assert client.roll_back() == IndexSwitch("v0", "v1", place_told=True)
        with pytest.raises(InvalidRequestError, match="no version 'v9'"):
            client.switch_index("v9")


async def test_without_blocking_the_same(administered):
    async with AsyncLengthPredictorClient(administered.target, timeout_s=20) as client:
        assert (await client.switch_index("v2")).version == "v2"
        assert (await client.roll_back()).version == "v0"


def test_drift_comes_with_what_is_known_of_it(administered):
    with LengthPredictorClient(administered.target, timeout_s=20) as client:
        info = client.info()
    known, new = info.drift
    assert (known.mae_tokens, known.promised_mae_tokens, known.kendall_tau_b) == (75, 50, 0.61)
    assert (new.mae_tokens, new.coverage_90, new.alarm) == (None, None, False)
    assert info.alarms == (known,)
    assert (info.previous_version, info.swaps, info.refused_swaps) == ("v0", 3, 1)


def run(capsys, target, *arguments):
    code = main([*arguments, "--target", target])
    return code, *capsys.readouterr()


def test_the_commands_switch_and_roll_back(administered, capsys):
    assert run(capsys, administered.target, "switch", "v2")[:2] == (0, "serves v2, before it v1\n")
    assert run(capsys, administered.target, "rollback")[:2] == (0, "serves v0, before it v1\n")
    code, out, _ = run(capsys, administered.target, "switch", "--json")
    assert json.loads(out) == {"version": "newest", "before": "v1", "place_told": True}
    assert code == 0


def test_a_place_that_was_not_told_is_said_with_what_to_do(administered, capsys):
    administered.place_told = False
    _, out, _ = run(capsys, administered.target, "switch", "v2")
    assert "this process alone" in out
    assert "python -m index_builder use --index STORE v2" in out


def test_a_refused_switch_ends_with_1_and_the_reason(administered, capsys):
    code, out, err = run(capsys, administered.target, "switch", "v9")
    assert (code, out) == (1, "")
    assert "no version 'v9'" in err


def test_info_shows_drift_beside_what_was_promised_and_the_alarm(administered, capsys):
    _, out, _ = run(capsys, administered.target, "info")
    lines = out.splitlines()
    assert "before it  v0; switched 3 times since the start" in lines
    assert lines[-4:] == [
        "LLM     judged      MAE promised  tau-b  in 90 % promised",
        "llm      1,000       75       50   0.61      78%      90%",
        "new          2        -        -      -        -        -",
        "ALARM llm: the mean error is 75 tokens",
    ]


def test_loading_is_given_longer_than_a_prediction(administered):
    from scheduler_client.cli.commands import _parser

    parser = _parser()
    assert parser.parse_args(["rollback"]).timeout_s == 300
    assert parser.parse_args(["switch", "--timeout-s", "5"]).timeout_s == 5
    assert parser.parse_args(["health"]).timeout_s == 10

"""The processor as a server: what Envoy's health check sees, and what a bad start says."""

import socket
from contextlib import asynccontextmanager

import grpc
import pytest

from scheduler_client.cli.commands import main
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2 as pb
from scheduler_client.gateways.envoy.ext_proc import external_processor_pb2_grpc as pb_grpc
from scheduler_client.gateways.envoy.server import ListenOptions, running_processor
from scheduler_client.health import HEALTH_CHECK_METHOD, HealthStatus, decode_health_response
from tests.gateways.envoy.test_http_exchange import PROMPT, priority_of, request_messages
from tests.scheduler_client.advisor.helpers import settings

LOCAL = ListenOptions("127.0.0.1", 0)


@asynccontextmanager
async def channel_to(own):
    """A channel to a processor of these settings."""
    async with (
        running_processor(own, LOCAL) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


async def test_it_is_healthy_whether_or_not_there_is_a_predictor():
    async with channel_to(settings("127.0.0.1:1")) as channel:
        answer = await channel.unary_unary(HEALTH_CHECK_METHOD)(b"")
    assert decode_health_response(answer) is HealthStatus.SERVING


async def test_a_stream_ends_once_its_request_is_placed(running):
    rule = {"rule": "aged", "rule_options": "weight=50", "deadline_s": 10.0}
    async with channel_to(settings(running.target, **rule)) as channel:
        call = pb_grpc.ExternalProcessorStub(channel).Process()
        for message in request_messages(PROMPT):
            await call.write(message)
        answers = [answer async for answer in call]
    assert [answer.WhichOneof("response") for answer in answers] == [
        "request_headers",
        "request_body",
    ]
    assert priority_of(answers[1]) is not None


async def test_a_message_that_says_nothing_is_answered_by_nothing():
    async with channel_to(settings("127.0.0.1:1")) as channel:
        call = pb_grpc.ExternalProcessorStub(channel).Process()
        await call.write(pb.ProcessingRequest())
        assert await call.read() == pb.ProcessingResponse()


async def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ListenOptions("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="is the port taken"):
            async with running_processor(settings("127.0.0.1:1"), options):
                pass


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--target", "no address"], {}, "LENGTHWISE_TARGET"),
        (["--target", " "], {}, "expected host:port"),
        ([], {"LENGTHWISE_RULE": "nonsense"}, "LENGTHWISE_RULE"),
        ([], {"LENGTHWISE_DEADLINE_S": "soon"}, "LENGTHWISE_DEADLINE_S is 'soon'"),
        (["--port", "70000"], {}, "port"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(
    capsys, monkeypatch, arguments, variables, said
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["envoy", *arguments]) == 2
    assert said in capsys.readouterr().err

"""The standard health service over a real socket."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from predictor_service.rpc.servicer import SERVICE_NAME

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def ask(service: str = ""):
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", SERVICE_NAME])
async def test_it_serves_only_once_the_index_is_loaded(serve, service):
    running = await serve(load=False)
    stub = health_pb2_grpc.HealthStub(running.channel)
    assert (await stub.Check(ask(service))).status == NOT_SERVING
    await running.service.load()
    assert (await stub.Check(ask(service))).status == SERVING


async def test_watchers_see_every_change_and_are_let_go_when_it_stops(serve):
    running = await serve(load=False)
    stub = health_pb2_grpc.HealthStub(running.channel)
    watch = stub.Watch(ask(SERVICE_NAME))
    assert (await watch.read()).status == NOT_SERVING
    await running.service.load()
    assert (await watch.read()).status == SERVING
    await asyncio.wait_for(running.stop(), timeout=10)
    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() is grpc.aio.EOF


async def test_a_service_that_is_not_here_is_not_found(serve):
    running = await serve()
    stub = health_pb2_grpc.HealthStub(running.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(ask("nobody"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert SERVICE_NAME in caught.value.details()
    assert (await stub.Watch(ask("nobody")).read()).status == SERVICE_UNKNOWN


async def test_a_malformed_question_is_the_callers_fault(serve):
    running = await serve()
    raw = running.channel.unary_unary("/grpc.health.v1.Health/Check")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(b"\x0a\x02\xff\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT

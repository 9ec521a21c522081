"""The service over a real socket: what a gateway may send, and what is said of it."""

import contextlib
import math

import grpc
import pytest

from autoscaler.core.demand import Knowledge
from autoscaler.core.slo import RequestClass, Slo
from autoscaler.edges.demand.open_requests import OpenRequests, Snapshot
from autoscaler.edges.demand.servicer import DemandServicer
from autoscaler.edges.grpc_server import GrpcServer
from autoscaler.errors import InvalidConfigError
from autoscaler.v1 import demand_pb2 as pb
from autoscaler.v1 import demand_pb2_grpc as rpc

DIRECT = [("grpc.enable_http_proxy", 0)]
NOW_S = 1_000.0


def server_of(requests: OpenRequests, listen: str = "127.0.0.1:0") -> GrpcServer:
    servicer = DemandServicer(requests, Slo(), lambda: NOW_S)
    return GrpcServer(
        lambda server: rpc.add_DemandServicer_to_server(servicer, server), "demand.listen", listen
    )


@contextlib.asynccontextmanager
async def served(requests: OpenRequests):
    server = server_of(requests)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", DIRECT) as channel:
            yield rpc.DemandStub(channel)
    finally:
        await server.stop()


async def told(*arrivals: pb.Arrival) -> tuple[Snapshot, pb.ReportResponse]:
    requests = OpenRequests(256.0)
    async with served(requests) as stub:
        response = await stub.Report(pb.ReportRequest(reporter="gateway-0", arrivals=arrivals))
    known = requests.snapshot(NOW_S)
    assert known is not None
    return known, response


async def test_ten_thousand_requests_without_a_class_are_interactive():
    arrivals = [pb.Arrival(request_id=str(number)) for number in range(10_000)]
    known, response = await told(*arrivals)
    assert (response.open_requests, response.fault_count) == (10_000, 0)
    assert {one.promise.request_class for one, _ in known.requests} == {RequestClass.INTERACTIVE}
    assert {told.knowledge for _, told in known.requests} == {Knowledge.REQUESTS}


@pytest.mark.parametrize(
    ("fields", "request_class", "deadline_s"),
    [
        ({"request_class": pb.REQUEST_CLASS_BATCH}, RequestClass.BATCH, 3_600.0),
        ({"request_class": pb.REQUEST_CLASS_BATCH, "deadline_s": 60}, RequestClass.BATCH, 60.0),
        ({"deadline_s": 60}, RequestClass.BATCH, 60.0),
        ({"headers": {"X-Lengthwise-Class": "batch"}}, RequestClass.BATCH, 3_600.0),
        ({"headers": {"x-lengthwise-deadline-s": "90"}}, RequestClass.BATCH, 90.0),
        ({"headers": {"x-llm-d-slo-ttft-ms": "3000"}}, RequestClass.INTERACTIVE, None),
        (
            {
                "request_class": pb.REQUEST_CLASS_INTERACTIVE,
                "headers": {"X-Lengthwise-Class": "batch"},
            },
            RequestClass.INTERACTIVE,
            None,
        ),
    ],
)
async def test_class_and_deadline_are_those_of_the_fields_else_of_the_headers(
    fields, request_class, deadline_s
):
    known, _ = await told(pb.Arrival(request_id="x", **fields))
    ((one, _),) = known.requests
    assert (one.promise.request_class, one.promise.deadline_s) == (request_class, deadline_s)


async def test_what_is_expected_comes_from_quantiles_else_from_mean_and_variance():
    quantiles = [pb.Quantile(level=level, tokens=1_000 * level) for level in (0.1, 0.5, 0.9)]
    known, _ = await told(
        pb.Arrival(request_id="a", quantiles=quantiles, expected_tokens=7.0, age_s=4.0),
        pb.Arrival(request_id="b", expected_tokens=300.0, variance_tokens2=900.0),
        pb.Arrival(request_id="c", expected_tokens=300.0, input_tokens=50.0),
    )
    by_name = {one.request_id: (one, expected) for one, expected in known.requests}
    assert by_name["a"][1].length.quantile(0.5) == pytest.approx(500.0)
    assert by_name["a"][0].arrived_s == NOW_S - 4.0
    assert (by_name["b"][1].mean_tokens, by_name["b"][1].variance_tokens2) == (300.0, 900.0)
    assert by_name["b"][1].length.quantile(0.5) == pytest.approx(298.5, rel=0.01)
    assert by_name["c"][1].variance_tokens2 == 300.0**2
    assert by_name["c"][0].input_tokens == 50.0
    assert {told.knowledge for _, told in known.requests} == {Knowledge.PREDICTIONS}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"request_id": ""}, "arrivals[0].request_id has 0 characters: expected 1 to 256"),
        ({"request_id": "x" * 257}, "arrivals[0].request_id has 257 characters"),
        ({"expected_tokens": math.nan}, "arrivals[0].expected_tokens is nan: expected a finite"),
        ({"expected_tokens": -1.0}, "arrivals[0].expected_tokens is -1.0"),
        ({"expected_tokens": 1e300}, "arrivals[0].expected_tokens is 1e+300"),
        ({"variance_tokens2": math.inf}, "arrivals[0].variance_tokens2 is inf"),
        ({"age_s": -5.0}, "arrivals[0].age_s is -5.0"),
        ({"deadline_s": math.nan}, "arrivals[0].deadline_s is nan"),
        ({"quantiles": [pb.Quantile(level=2.0, tokens=5.0)]}, "arrivals[0].quantiles: levels are"),
    ],
)
async def test_what_cannot_be_is_left_out_and_named_and_the_rest_is_taken_in(fields, fault):
    bad = pb.Arrival(**{"request_id": "bad", **fields})
    known, response = await told(bad, pb.Arrival(request_id="good"))
    assert [one.request_id for one, _ in known.requests] == ["good"]
    assert response.fault_count == 1
    assert response.faults[0].startswith(fault)


async def test_of_many_faults_the_first_are_told_and_all_are_counted():
    _, response = await told(*(pb.Arrival() for _ in range(500)))
    assert (len(response.faults), response.fault_count) == (10, 500)


async def test_progress_and_endings_are_taken_in_and_an_answer_of_nothing_teaches_nothing():
    requests = OpenRequests(256.0)
    async with served(requests) as stub:
        for number in range(30):
            await stub.Report(
                pb.ReportRequest(
                    reporter="gateway-0",
                    arrivals=[pb.Arrival(request_id=str(number))],
                    progress=[pb.Progress(request_id=str(number), generated_tokens=3.0)],
                    endings=[pb.Ending(request_id=str(number), output_tokens=number % 2 * 50.0)],
                )
            )
        await stub.Report(
            pb.ReportRequest(reporter="gateway-0", arrivals=[pb.Arrival(request_id="last")])
        )
    known = requests.snapshot(NOW_S)
    assert known is not None
    ((_, expected),) = known.requests
    assert (expected.knowledge, expected.mean_tokens) == (Knowledge.LLM_MEAN, 50.0)


async def test_a_report_without_a_name_is_refused():
    async with served(OpenRequests(256.0)) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match="reporter has 0 characters") as refused:
            await stub.Report(pb.ReportRequest())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_one_name_too_many_is_refused(monkeypatch):
    monkeypatch.setattr("autoscaler.edges.demand.open_requests.MOST_REPORTERS", 1)
    async with served(OpenRequests(256.0)) as stub:
        await stub.Report(pb.ReportRequest(reporter="a"))
        with pytest.raises(grpc.aio.AioRpcError, match="reporter 'b' is new") as refused:
            await stub.Report(pb.ReportRequest(reporter="b"))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_address_in_use_is_refused_by_name():
    first = server_of(OpenRequests(256.0))
    await first.start()
    second = server_of(OpenRequests(256.0), f"127.0.0.1:{first.port}")
    with pytest.raises(InvalidConfigError, match=r"demand\.listen is 127\.0\.0\.1:\d+"):
        await second.start()
    await first.stop()

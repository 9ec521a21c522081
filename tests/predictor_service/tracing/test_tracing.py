"""Traces: which calls, where their time went, and no prompt."""

import asyncio
import threading
from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as collector
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.tracing import opening, otel_tracer
from predictor_service.tracing.otel_tracer import OtelTracer

SECRET = "the prompt that nobody may see"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def spans(monkeypatch):
    """What is traced; `share` sets how much."""
    exporter = InMemorySpanExporter()
    exporter.share = 1.0
    monkeypatch.setattr(
        opening,
        "open_tracer",
        lambda _: OtelTracer(SimpleSpanProcessor(exporter), share=exporter.share),
    )
    monkeypatch.setattr("predictor_service.process.service.open_tracer", opening.open_tracer)
    return exporter


def by_name(spans):
    return {span.name: span for span in spans.get_finished_spans()}


async def test_a_call_is_a_span_with_queue_encoding_and_search_as_children(serve, spans):
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt=SECRET))
    found = by_name(spans)
    call = found["lengthwise.v1.LengthPredictor/Predict"]
    assert call.attributes["rpc.grpc.status_code"] == 0
    assert call.attributes["lengthwise.prompts"] == call.attributes["lengthwise.batch_size"] == 1
    assert call.attributes["lengthwise.index_version"] == "v1"
    for name in ("queue", "encode", "search"):
        assert found[name].parent.span_id == call.context.span_id
        assert found[name].start_time <= found[name].end_time


async def test_no_span_holds_a_prompt(serve, spans):
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt=SECRET))
    with pytest.raises(grpc.aio.AioRpcError):
        await running.stub.Predict(pb.PredictRequest(prompt=SECRET, max_tokens=0))
    await running.stop()  # the span of a call that is refused ends after its answer
    texts = [span.to_json() for span in spans.get_finished_spans()]
    assert len(texts) >= 5
    assert SECRET not in "".join(texts)


async def test_an_answer_from_the_cache_has_no_parts(serve, spans):
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt="one"))
    spans.clear()
    await running.stub.Predict(pb.PredictRequest(prompt="one"))
    (call,) = spans.get_finished_spans()
    assert call.attributes["lengthwise.cached"] == 1


async def test_a_caller_that_is_traced_is_followed_whatever_the_share(serve, spans):
    spans.share = 0.0
    running = await serve()
    await running.stub.Predict(pb.PredictRequest(prompt="one"))
    for sampled in ("00", "01"):
        parent = f"00-{TRACE_ID}-00f067aa0ba902b7-{sampled}"
        metadata = (("traceparent", parent),)
        await running.stub.Predict(pb.PredictRequest(prompt=sampled), metadata=metadata)
    found = spans.get_finished_spans()
    assert len(found) == 4
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE_ID}


async def test_a_collector_gets_the_spans_by_otlp(serve, monkeypatch):
    received = []

    def export(request, _):
        received.extend(
            span.name
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        )
        return collector.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(
        export,
        collector.ExportTraceServiceRequest.FromString,
        collector.ExportTraceServiceResponse.SerializeToString,
    )
    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(name, {"Export": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    running = await serve(otlp_endpoint=f"http://127.0.0.1:{port}", trace_share=1)
    await running.stub.Predict(pb.PredictRequest(prompt="one"))
    await running.stop()  # which sends what is left
    server.stop(0)
    assert "lengthwise.v1.LengthPredictor/Predict" in received


async def test_a_collector_that_hangs_does_not_hold_up_a_stop(serve, spans, monkeypatch, capsys):
    answers = threading.Event()
    monkeypatch.setattr(otel_tracer, "CLOSE_S", 0.01)
    monkeypatch.setattr(spans, "shutdown", answers.wait)
    running = await serve()
    try:
        await asyncio.wait_for(running.stop(), 20)
    finally:
        answers.set()
    assert "the last spans are dropped" in capsys.readouterr().out

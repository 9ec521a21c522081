"""OpenTelemetry: a span for each traced call, its queue, encoding and search as children."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import Token
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from predictor_service.system.threads import THREAD_PREFIX
from predictor_service.tracing.call_tracer import CallFacts, current_facts

log = structlog.get_logger(__name__)

CLOSE_S = 2.0
"""Seconds for the last spans to be sent: OpenTelemetry itself waits half a minute for a collector
that hangs, as long as a whole stop may take."""

TRACE_PARENT = "traceparent"
"""See https://www.w3.org/TR/trace-context/."""

STRAIGHT: Any = (("grpc.enable_http_proxy", 0),)
"""gRPC would take even a collector on this machine to the proxy that the environment names."""

SERVER_FAULTS = {2, 4, 12, 13, 14, 15}
"""Statuses that are errors of a server, by OpenTelemetry's conventions for gRPC."""


@dataclass(slots=True)
class TracedCall:
    """A traced call that is under way.

    Args:
        span: OpenTelemetry's own, of the whole call.
        facts: What is learnt of the call.
        began_ns: When it came, in nanoseconds since 1970.
        token: Puts back what `current_facts` was before.
    """

    span: Span
    facts: CallFacts
    began_ns: int
    token: Token[CallFacts | None]


class OtelTracer:
    """Follows a share of the calls, and all whose caller follows them.

    What goes out is counts, times and names; nothing that a caller wrote.

    Args:
        processor: Takes the spans and sends them on.
        share: Of the calls whose caller has not decided, those that are traced, from 0 to 1.
        draw: Gives a random number from 0 to 1.
    """

    def __init__(
        self, processor: SpanProcessor, *, share: float, draw: Callable[[], float] = random.random
    ) -> None:
        resource = Resource.create(
            {
                "service.name": "lengthwise",
                "service.version": installed_version("lengthwise"),
            }
        )
        # The sampling is done here, before anything is made for a call.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("lengthwise")
        self._propagator = TraceContextTextMapPropagator()
        self._share = share
        self._draw = draw

    @classmethod
    def from_endpoint(cls, endpoint: str, *, share: float) -> "OtelTracer":
        """A tracer that sends spans to a collector, in the background.

        Those that the collector does not take are dropped.
        """
        exporter = OTLPSpanExporter(
            endpoint=endpoint,
            insecure=endpoint.startswith("http://"),
            channel_options=STRAIGHT,
        )
        return cls(BatchSpanProcessor(exporter), share=share)

    def begin(self, method: str, context: Any) -> TracedCall | None:
        parent = self._parent(context.invocation_metadata() or ())
        if parent is None and self._draw() >= self._share:
            return None
        service, _, name = method.strip("/").partition("/")
        began_ns = time.time_ns()
        span = self._tracer.start_span(
            method.strip("/"),
            context=parent or Context(),
            kind=SpanKind.SERVER,
            start_time=began_ns,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": name},
        )
        facts = CallFacts()
        return TracedCall(span, facts, began_ns, current_facts.set(facts))

    def end(self, span: TracedCall, code: int) -> None:
        current_facts.reset(span.token)
        facts = span.facts
        if facts.prompts:
            span.span.set_attributes(
                {
                    "lengthwise.prompts": facts.prompts,
                    "lengthwise.cached": facts.cached,
                    "lengthwise.failed": facts.failed,
                }
            )
        if facts.batch_size:
            self._add_parts(span)
        span.span.set_attribute("rpc.grpc.status_code", code)
        if code in SERVER_FAULTS:
            span.span.set_status(StatusCode.ERROR)
        span.span.end()

    def close(self) -> None:
        """Send what is still to be sent; blocks for `CLOSE_S` at most."""
        sending = threading.Thread(
            target=self._provider.shutdown, name=THREAD_PREFIX + "spans", daemon=True
        )
        sending.start()
        sending.join(CLOSE_S)
        if sending.is_alive():
            log.warning("the last spans are dropped: the collector does not answer")

    def _parent(self, metadata: Iterable[tuple[str, str | bytes]]) -> Context | None:
        """The caller's own trace, if it is followed."""
        for key, value in metadata:
            if key == TRACE_PARENT and isinstance(value, str):
                parent = self._propagator.extract({TRACE_PARENT: value})
                if trace.get_current_span(parent).get_span_context().trace_flags.sampled:
                    return parent
        return None

    def _add_parts(self, call: TracedCall) -> None:
        """Children for the three parts of the way, one after the other from the call's beginning.

        Their lengths were measured, their places are put together from them.
        """
        facts, at_ns = call.facts, call.began_ns
        call.span.set_attributes(
            {
                "lengthwise.batch_size": facts.batch_size,
                "lengthwise.index_version": facts.index_version,
            }
        )
        parent = trace.set_span_in_context(call.span, Context())
        parts = (
            ("queue", facts.queue_us),
            ("encode", facts.encode_us),
            ("search", facts.search_us),
        )
        for name, length_us in parts:
            part = self._tracer.start_span(name, context=parent, start_time=at_ns)
            at_ns += length_us * 1_000
            part.end(at_ns)

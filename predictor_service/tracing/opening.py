"""Opens the tracer that the configuration asks for."""

from predictor_service.config import ServiceConfig
from predictor_service.errors import StartUpError
from predictor_service.tracing.call_tracer import CallTracer, NoTracer


def open_tracer(config: ServiceConfig) -> CallTracer:
    """A tracer, which follows nothing unless there is somewhere to send it.

    Raises:
        StartUpError: OpenTelemetry is not installed.
    """
    if config.otlp_endpoint is None:
        return NoTracer()
    try:
        from predictor_service.tracing.otel_tracer import OtelTracer  # noqa: PLC0415  an extra
    except ImportError as error:
        raise StartUpError(
            f"--otlp-endpoint needs OpenTelemetry ({error}): pip install 'lengthwise[otel]'"
        ) from error
    return OtelTracer.from_endpoint(config.otlp_endpoint, share=config.trace_share)

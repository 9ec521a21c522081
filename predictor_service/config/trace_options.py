"""The traces."""

from pydantic import BaseModel, Field


class TraceOptions(BaseModel):
    """Where spans go."""

    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+$",
        description="OpenTelemetry collector to send traces to by gRPC, such as "
        "http://127.0.0.1:4317; default: no traces",
    )
    trace_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="share of the calls that are traced, where the caller has not decided",
    )

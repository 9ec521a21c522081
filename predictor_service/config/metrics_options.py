"""The metrics."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator


class MetricsOptions(BaseModel):
    """Where Prometheus finds them."""

    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="TCP port of /metrics for Prometheus, on the same host; with several "
        "processes that of the first, the next ones follow; 0 picks free ones; default: off",
    )

    @field_validator("metrics_port")
    @classmethod
    def _ports_for_all(cls, value: int | None, info: ValidationInfo) -> int | None:
        processes = info.data.get("processes", 1)
        if value and value + processes - 1 > 65_535:
            raise ValueError(
                f"expected at most {65_536 - processes:,}: {processes} processes take a port each"
            )
        port = info.data.get("port")
        if value and port in range(value, value + processes):
            raise ValueError(f"expected another port than --port, {port}")
        return value

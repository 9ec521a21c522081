"""The thin client of Lengthwise: how many tokens will an LLM generate for a prompt?

It needs grpcio and protobuf alone. gRPC itself is imported with the first use of a client, so that
a scheduler which only wants the priorities does not pay for it.
"""

from typing import TYPE_CHECKING, Any

from scheduler_client.access import Access
from scheduler_client.completion import CompletedRequest, FinishReason, ReportReceipt
from scheduler_client.errors import (
    AccessDeniedError,
    ClientClosedError,
    IncompatibleServerError,
    InvalidRequestError,
    LengthPredictorError,
    PredictionTimeoutError,
    ServerFailedError,
    ServerOverloadedError,
    ServerUnavailableError,
)
from scheduler_client.gittins import gittins_rank
from scheduler_client.health import HealthStatus
from scheduler_client.index_info import IndexInfo, ModelInfo
from scheduler_client.index_switch import IndexSwitch
from scheduler_client.length_distribution import LengthDistribution
from scheduler_client.model_drift import ModelDrift
from scheduler_client.prediction import (
    Basis,
    Neighbour,
    Outcome,
    Prediction,
    PredictionFailure,
    Timing,
)
from scheduler_client.priorities import (
    aged_key,
    dispatch_order,
    gittins_key,
    shortest_first_key,
)
from scheduler_client.query import ChatMessage, PredictionQuery
from scheduler_client.service_time import ServiceTimeModel

if TYPE_CHECKING:
    from scheduler_client.aio import AsyncLengthPredictorClient
    from scheduler_client.client import LengthPredictorClient

__all__ = [
    "Access",
    "AccessDeniedError",
    "AsyncLengthPredictorClient",
    "Basis",
    "ChatMessage",
    "ClientClosedError",
    "CompletedRequest",
    "FinishReason",
    "HealthStatus",
    "IncompatibleServerError",
    "IndexInfo",
    "IndexSwitch",
    "InvalidRequestError",
    "LengthDistribution",
    "LengthPredictorClient",
    "LengthPredictorError",
    "ModelDrift",
    "ModelInfo",
    "Neighbour",
    "Outcome",
    "Prediction",
    "PredictionFailure",
    "PredictionQuery",
    "PredictionTimeoutError",
    "ReportReceipt",
    "ServerFailedError",
    "ServerOverloadedError",
    "ServerUnavailableError",
    "ServiceTimeModel",
    "Timing",
    "aged_key",
    "dispatch_order",
    "gittins_key",
    "gittins_rank",
    "shortest_first_key",
]


def __getattr__(name: str) -> Any:
    """Import a client when it is first asked for (PEP 562)."""
    if name == "LengthPredictorClient":
        from scheduler_client.client import LengthPredictorClient  # noqa: PLC0415  see above

        return LengthPredictorClient
    if name == "AsyncLengthPredictorClient":
        from scheduler_client.aio import AsyncLengthPredictorClient  # noqa: PLC0415  see above

        return AsyncLengthPredictorClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

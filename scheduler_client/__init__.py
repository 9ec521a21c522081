"""The thin client of Lengthwise: how many tokens will an LLM generate for a prompt?

It needs grpcio and protobuf alone. gRPC itself is imported with the first use of a client, so that
a scheduler which only wants the priorities does not pay for it.
"""

from typing import TYPE_CHECKING, Any

from lengthwise.index_info import IndexInfo, IndexSwitch, ModelDrift, ModelInfo
from lengthwise.length_distribution import LengthDistribution
from lengthwise.prediction import Basis, Neighbour, Prediction, Timing
from lengthwise.request import (
    ChatMessage,
    CompletedRequest,
    FinishReason,
    PredictionQuery,
    ReportReceipt,
)
from lengthwise.scheduling.gittins import gittins_rank
from lengthwise.scheduling.keys import (
    aged_key,
    dispatch_order,
    gittins_key,
    shortest_first_key,
)
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.access import Access
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
from scheduler_client.health import HealthStatus
from scheduler_client.outcome import Outcome, PredictionFailure

if TYPE_CHECKING:
    from scheduler_client.aio import AsyncLengthPredictorClient
    from scheduler_client.client import LengthPredictorClient
    from scheduler_client.coalescing.predictor import CoalescingPredictor

__all__ = [
    "Access",
    "AccessDeniedError",
    "AsyncLengthPredictorClient",
    "Basis",
    "ChatMessage",
    "ClientClosedError",
    "CoalescingPredictor",
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
    if name == "CoalescingPredictor":
        from scheduler_client.coalescing.predictor import CoalescingPredictor  # noqa: PLC0415  see above

        return CoalescingPredictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

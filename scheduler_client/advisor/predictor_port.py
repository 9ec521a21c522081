"""The seam to the predictor: what the advisor calls, and the real thing behind it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from lengthwise.index_info import IndexInfo
from lengthwise.request import CompletedRequest, PredictionQuery, ReportReceipt
from scheduler_client.outcome import Outcome
from scheduler_client.service_config import service_config

if TYPE_CHECKING:
    from scheduler_client.advisor.settings import AdvisorSettings

RETRY_AFTER_S = 0.002


class PredictorPort(Protocol):
    """The calls that the advisor makes; AsyncLengthPredictorClient says what each does."""

    async def predict_many(
        self, prompts: Iterable[PredictionQuery], *, timeout_s: float
    ) -> list[Outcome]:
        """One outcome per prompt, in their order."""
        ...

    async def report(
        self, completions: Iterable[CompletedRequest], *, timeout_s: float
    ) -> ReportReceipt:
        """Hand true lengths over; the same ids again change nothing."""
        ...

    async def info(self, *, timeout_s: float) -> IndexInfo:
        """What the predictor's index holds."""
        ...

    async def close(self) -> None:
        """End the connection."""
        ...


def connect(settings: "AdvisorSettings") -> PredictorPort:
    """The real client; it connects at its first call.

    It retries once and at once: what a killed replica had not answered is asked again of another,
    still within the deadline. More there is no time for, and whether a predictor that is away is
    asked again is the circuit breaker's to say.
    """
    # gRPC is imported by who connects, as everywhere in this package.
    from scheduler_client.aio import AsyncLengthPredictorClient  # noqa: PLC0415

    retry_once = service_config(2, first_retry_s=RETRY_AFTER_S)
    return AsyncLengthPredictorClient(
        settings.target,
        access=settings.access,
        channel_options=[("grpc.service_config", retry_once)],
    )

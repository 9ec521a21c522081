"""What the clients ask a service, call by call, and what its answers mean: no I/O in here.

The two clients differ in how they wait alone. Each method of theirs builds its calls here, and
gives back what the calls make of the answers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import grpc

from lengthwise.index_info import LOADING_TIMEOUT_S, IndexInfo, IndexSwitch
from lengthwise.prediction import Prediction
from lengthwise.request import CompletedRequest, PredictionQuery, ReportReceipt
from lengthwise.v1 import index_admin_pb2 as admin_pb
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1.index_admin_pb2_grpc import IndexAdminStub
from lengthwise.v1.length_predictor_pb2_grpc import LengthPredictorStub
from scheduler_client.errors import LengthPredictorError
from scheduler_client.health import (
    HEALTH_CHECK_METHOD,
    HealthStatus,
    decode_health_response,
    encode_health_request,
)
from scheduler_client.outcome import Outcome, PredictionFailure
from scheduler_client.request_batch import (
    RequestBatch,
    encode_within,
    outcomes,
    pack,
    pack_completions,
)
from scheduler_client.wire import decode_index_info, decode_prediction, decode_switch

MethodName = Literal[
    "Predict",
    "PredictBatch",
    "PredictStream",
    "Report",
    "GetIndexInfo",
    "SwitchIndex",
    "RollBack",
    "Check",
]
Methods = Mapping[MethodName, Callable[..., Any]]
"""The methods of a channel; one of an asyncio channel gives what is to be awaited."""

Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer_co]):
    """One message to the service.

    Args:
        method: The method of the service that takes the message.
        request: The message, as the method's serializer takes it.
        decode: Makes the answer of the message that comes back.
        timeout_s: Deadline in seconds where the caller gives none; None for the client's own.
    """

    method: MethodName
    request: object
    decode: Callable[[Any], Answer_co]
    timeout_s: float | None = None


def methods_of(channel: grpc.Channel | grpc.aio.Channel) -> Methods:
    """The methods that calls name."""
    # The stubs' types tell threads and asyncio apart, which are alike in all that is used of them.
    either: Any = channel
    predictor, admin = LengthPredictorStub(either), IndexAdminStub(either)
    return {
        "Predict": predictor.Predict,
        "PredictBatch": predictor.PredictBatch,
        "PredictStream": predictor.PredictStream,
        "Report": predictor.Report,
        "GetIndexInfo": predictor.GetIndexInfo,
        "SwitchIndex": admin.SwitchIndex,
        "RollBack": admin.RollBack,
        "Check": either.unary_unary(
            HEALTH_CHECK_METHOD,
            request_serializer=encode_health_request,
            response_deserializer=decode_health_response,
        ),
    }


def predict(query: PredictionQuery, max_bytes: int) -> Call[Prediction]:
    """Ask for one prediction.

    Raises:
        InvalidRequestError: If the query cannot be sent.
    """
    return Call("Predict", encode_within(query, max_bytes), decode_prediction)


def predict_many(
    prompts: Iterable[str | PredictionQuery], max_bytes: int
) -> Iterator[Call[list[Outcome]]]:
    """Ask for many, a call for each message that they fill."""
    for batch in pack(prompts, max_bytes):
        request = pb.PredictBatchRequest(requests=[item.request for item in batch])
        yield Call("PredictBatch", request, partial(_batch_outcomes, batch))


def report(completions: Iterable[CompletedRequest], max_bytes: int) -> list[Call[ReportReceipt]]:
    """Report completions, a call for each message that they fill.

    Raises:
        InvalidRequestError: If one cannot be sent.
    """
    requests = pack_completions(completions, max_bytes)
    return [Call("Report", request, _receipt) for request in requests]


def health(service: str) -> Call[HealthStatus]:
    """Ask whether a service of the server serves; "" stands for all of it."""
    return Call("Check", service, lambda status: status)


def info() -> Call[IndexInfo]:
    """Ask what the served index holds."""
    return Call("GetIndexInfo", pb.GetIndexInfoRequest(), decode_index_info)


def switch_index(version: str) -> Call[IndexSwitch]:
    """Have a version served; "" stands for the newest."""
    request = admin_pb.SwitchIndexRequest(version=version)
    return Call("SwitchIndex", request, decode_switch, LOADING_TIMEOUT_S)


def roll_back() -> Call[IndexSwitch]:
    """Have the version before served again."""
    return Call("RollBack", admin_pb.RollBackRequest(), decode_switch, LOADING_TIMEOUT_S)


def predictions_or_raise(answers: Iterable[Outcome]) -> list[Prediction]:
    """Take the predictions out, or raise the first failure."""
    predictions: list[Prediction] = []
    for answer in answers:
        if isinstance(answer, PredictionFailure):
            raise answer.error
        predictions.append(answer)
    return predictions


def total(receipts: Iterable[ReportReceipt]) -> ReportReceipt:
    """What became of all messages of a report."""
    stored = duplicates = 0
    for receipt in receipts:
        stored += receipt.stored
        duplicates += receipt.duplicates
    return ReportReceipt(stored, duplicates)


def unknown_service_or_raise(error: LengthPredictorError) -> HealthStatus:
    """A health check that found no service of that name; any other failure is raised again."""
    if status_of(error.__cause__) is grpc.StatusCode.NOT_FOUND:
        return HealthStatus.SERVICE_UNKNOWN
    raise error


def status_of(error: BaseException | None) -> grpc.StatusCode | None:
    """The status of a failed call; gRPC's types do not say that its errors have one."""
    return getattr(error, "code", lambda: None)() if isinstance(error, grpc.RpcError) else None


def _batch_outcomes(batch: RequestBatch, response: pb.PredictBatchResponse) -> list[Outcome]:
    return outcomes(batch, response.results)


def _receipt(response: pb.ReportResponse) -> ReportReceipt:
    return ReportReceipt(response.stored, response.duplicates)

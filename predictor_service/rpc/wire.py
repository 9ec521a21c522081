"""Between protobuf messages and the nouns of the library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from lengthwise.index.estimate.estimate import LengthEstimate
from lengthwise.index.summary import IndexSummary
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.batching.job import Answer
from predictor_service.drift.model_window import ModelDrift
from predictor_service.drift.monitor import DriftMonitor
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.switcher import Switcher

M = TypeVar("M", bound=Message)

BASIS = {
    "neighbours": pb.BASIS_NEIGHBOURS,
    "prior": pb.BASIS_PRIOR,
    "head": pb.BASIS_HEAD,
}
"""What an estimate rests on, as the wire names it."""


TIER = {"first": pb.TIER_FIRST, "second": pb.TIER_SECOND}
"""What answered, as the wire names it."""


MAX_TOLD_MODELS = 1_000
"""LLMs that GetIndexInfo tells of, those with the most rows: with names of the greatest length, a
megabyte, which a message has room for."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no message of the expected type, and why."""

    reason: str


def tolerant(message_type: type[M]) -> Callable[[bytes], M | Malformed]:
    """A deserializer that reports bad bytes rather than raising.

    gRPC answers an exception in a deserializer with UNKNOWN or INTERNAL and logs a traceback,
    though it is the caller's fault; so the fault is handed on to where a status can be chosen.
    """
    parse = message_type.FromString
    name = message_type.DESCRIPTOR.name

    def deserialize(raw: bytes) -> M | Malformed:
        try:
            return parse(raw)
        except (DecodeError, UnicodeDecodeError):
            return Malformed(
                f"the {len(raw):,} bytes sent are not a valid {name}: a text field is not valid "
                "UTF-8, or the message is damaged"
            )

    return deserialize


def serialize_estimate(estimate: LengthEstimate, version: str) -> bytes:
    """The part of a PredictResponse that is the same for everyone who asks this."""
    return pb.PredictResponse(
        distribution=pb.LengthDistribution(
            expected_tokens=estimate.expected_tokens,
            levels=estimate.quantile_levels,
            tokens=estimate.quantile_tokens,
        ),
        confidence=estimate.confidence,
        basis=BASIS[estimate.basis],
        nearness=estimate.nearness,
        neighbours=[
            pb.Neighbour(
                id=near.id,
                similarity=near.similarity,
                output_tokens=near.output_tokens,
                model=near.model,
                text=near.text,
            )
            for near in estimate.neighbours
        ],
        model_known=estimate.model_known,
        index_version=version,
        tier=TIER[estimate.tier],
    ).SerializeToString()


def predicted_quantiles(body: bytes) -> tuple[str, Sequence[float], Sequence[float]]:
    """The version of the index, the levels and the tokens in what `serialize_estimate` made."""
    answer = pb.PredictResponse.FromString(body)
    return answer.index_version, answer.distribution.levels, answer.distribution.tokens


def fill_response(
    response: pb.PredictResponse, body: bytes, request_id: str, answer: Answer | None
) -> None:
    """Complete a response.

    Args:
        response: An empty message, which is filled.
        body: What `serialize_estimate` made of the estimate.
        request_id: The id that the caller gave the request.
        answer: Where the time went; None for an answer from the cache.
    """
    response.MergeFromString(body)
    response.request_id = request_id
    timing = response.timing
    if answer is None:
        timing.SetInParent()
        return
    facts = answer.batch
    timing.queue_time_us = answer.queue_us
    timing.encode_time_us = facts.encode_us
    timing.search_time_us = facts.search_us
    timing.batch_size = facts.size


def info_response(
    summary: IndexSummary, *, service_version: str, uptime_s: float, reported: int
) -> pb.GetIndexInfoResponse:
    """What GetIndexInfo answers of the index and of the process.

    Args:
        summary: What the served index holds.
        service_version: Of Lengthwise, as it is installed.
        uptime_s: Seconds since the process began to serve.
        reported: Completions stored since the process began.
    """
    return pb.GetIndexInfoResponse(
        index_version=summary.version,
        schema_version=summary.schema_version,
        encoder=summary.encoder,
        encoder_hash=summary.encoder_hash,
        dimension=summary.dimension,
        metric=summary.metric,
        search=summary.search,
        rows=summary.rows,
        created_unix_s=summary.created_unix_s,
        models=[
            pb.ModelInfo(
                model=model.model,
                rows=model.rows,
                median_tokens=model.median_tokens,
                p90_tokens=model.p90_tokens,
            )
            for model in summary.models[:MAX_TOLD_MODELS]
        ],
        quantile_levels=summary.quantile_levels,
        service_version=service_version,
        uptime_s=uptime_s,
        reported=reported,
    )


def fill_drift(response: pb.GetIndexInfoResponse, monitor: DriftMonitor) -> None:
    """Add how well lengths are predicted at present."""
    response.drift.extend(_message(drift) for drift in monitor.snapshot())
    response.reports_judged = monitor.scored
    response.reports_unmatched = monitor.unmatched


def _message(drift: ModelDrift) -> pb.ModelDrift:
    return pb.ModelDrift(
        model=drift.model,
        rows=drift.rows,
        censored_rows=drift.censored_rows,
        mae_tokens=drift.mae_tokens,
        log_error=drift.log_error,
        kendall_tau_b=drift.tau_b,
        coverage_90=drift.coverage_90,
        promised_mae_tokens=drift.promised_mae_tokens,
        promised_coverage_90=drift.promised_coverage_90,
        alarm=drift.alarm,
        reason=drift.reason,
    )


def fill_swaps(response: pb.GetIndexInfoResponse, holder: IndexHolder, switcher: Switcher) -> None:
    """Add how the served version came to be served."""
    response.previous_version = switcher.previous
    response.switched_unix_s = holder.switched_unix_s
    response.swaps = holder.swaps
    response.refused_swaps = holder.refused_swaps

"""To the messages of lengthwise.v1 and back."""

import math
import operator
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import SupportsFloat, SupportsIndex, cast

from lengthwise.index_info import IndexInfo, IndexSwitch, ModelDrift, ModelInfo
from lengthwise.prediction import Basis, Neighbour, Prediction, Timing
from lengthwise.request import (
    MAX_TEMPERATURE,
    AnyChatMessage,
    CompletedRequest,
    PredictionQuery,
    SamplingConditions,
)
from lengthwise.v1 import index_admin_pb2 as admin_pb
from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.errors import IncompatibleServerError, InvalidRequestError

# What the messages' integer fields hold at most.
_UINT32_MAX = 2**32 - 1  # a limit on tokens, a number of neighbours
_INT64_MAX = 2**63 - 1  # a completion's output tokens

_BASIS: Mapping[int, Basis] = {pb.BASIS_NEIGHBOURS: "neighbours", pb.BASIS_HEAD: "head"}
"""What a prediction goes by, by its number on the wire; any other number means the prior."""

_FINISH_REASONS = {"stop": pb.FINISH_REASON_STOP, "length": pb.FINISH_REASON_LENGTH}
"""Why an answer ended, to its number on the wire; only of these are lengths reported."""


def encode_query(query: PredictionQuery) -> pb.PredictRequest:
    """Write a query.

    Raises:
        InvalidRequestError: If it cannot be put on the wire; what the service refuses is its own
            to say.
    """
    prompt, messages = _prompt_or_messages(query.prompt, query.messages)
    message = pb.PredictRequest(
        request_id=_text("request_id", query.request_id),
        prompt=prompt,
        messages=messages,
        model=_text("model", query.model),
        neighbour_count=_optional("neighbour_count", query.neighbour_count, low=0),
        include_neighbour_text=query.include_neighbour_text,
    )
    _write_sampling(message, query)
    return message


def encode_completion(completion: CompletedRequest) -> pb.Completion:
    """Write a completion.

    Raises:
        InvalidRequestError: If it cannot be put on the wire, or has no id to be known by.
    """
    prompt, messages = _prompt_or_messages(completion.prompt, completion.messages)
    if not completion.request_id:
        raise InvalidRequestError(
            "request_id is empty: expected an id of the completion's own, so that it is stored "
            "once however often it is reported"
        )
    if _text("finish_reason", completion.finish_reason) not in _FINISH_REASONS:
        raise InvalidRequestError(
            f"finish_reason is {completion.finish_reason!r}: expected 'stop' or 'length'"
        )
    message = pb.Completion(
        request_id=_text("request_id", completion.request_id),
        prompt=prompt,
        messages=messages,
        model=_text("model", completion.model),
        # Only what int64 cannot hold is refused here: the service knows which lengths are absurd.
        output_tokens=_integer("output_tokens", completion.output_tokens, -_INT64_MAX, _INT64_MAX),
        finish_reason=_FINISH_REASONS[completion.finish_reason],
    )
    _write_sampling(message, completion)
    return message


def decode_prediction(message: pb.PredictResponse) -> Prediction:
    """Read a prediction.

    Raises:
        IncompatibleServerError: If its distribution is empty or has levels without tokens.
    """
    levels, tokens = message.distribution.levels, message.distribution.tokens
    if not levels or len(levels) != len(tokens):
        raise IncompatibleServerError(
            f"the prediction has {len(levels)} quantile levels and {len(tokens)} quantiles: "
            "expected as many of one as of the other, and at least one"
        )
    timing = message.timing
    return Prediction(
        request_id=message.request_id,
        expected_tokens=message.distribution.expected_tokens,
        quantile_levels=_shortest_decimals(tuple(levels)),
        quantile_tokens=tuple(tokens),
        confidence=message.confidence,
        # A basis that this client does not know is not taken for more than the prior.
        basis=_BASIS.get(message.basis, "prior"),
        nearness=message.nearness,
        neighbours=tuple(
            Neighbour(n.id, n.similarity, n.output_tokens, n.model, n.text)
            for n in message.neighbours
        ),
        model_known=message.model_known,
        index_version=message.index_version,
        timing=Timing(
            timing.queue_time_us, timing.encode_time_us, timing.search_time_us, timing.batch_size
        ),
        tier="first" if message.tier == pb.TIER_FIRST else "second",
    )


def decode_index_info(message: pb.GetIndexInfoResponse) -> IndexInfo:
    """Read what the index holds."""
    return IndexInfo(
        index_version=message.index_version,
        schema_version=message.schema_version,
        encoder=message.encoder,
        encoder_hash=message.encoder_hash,
        dimension=message.dimension,
        metric=message.metric,
        search=message.search,
        rows=message.rows,
        created_unix_s=message.created_unix_s,
        models=tuple(
            ModelInfo(m.model, m.rows, m.median_tokens, m.p90_tokens) for m in message.models
        ),
        quantile_levels=_shortest_decimals(tuple(message.quantile_levels)),
        service_version=message.service_version,
        uptime_s=message.uptime_s,
        reported=message.reported,
        drift=tuple(_decode_drift(drift) for drift in message.drift),
        reports_judged=message.reports_judged,
        reports_unmatched=message.reports_unmatched,
        previous_version=message.previous_version,
        switched_unix_s=message.switched_unix_s,
        swaps=message.swaps,
        refused_swaps=message.refused_swaps,
    )


def decode_switch(message: admin_pb.SwitchIndexResponse | admin_pb.RollBackResponse) -> IndexSwitch:
    """Read what came of a switch."""
    return IndexSwitch(message.index_version, message.version_before, message.place_told)


def _decode_drift(message: pb.ModelDrift) -> ModelDrift:
    def given(name: str) -> float | None:
        return getattr(message, name) if message.HasField(name) else None  # pyright: ignore[reportArgumentType]  of the names below

    return ModelDrift(
        model=message.model,
        rows=message.rows,
        censored_rows=message.censored_rows,
        mae_tokens=given("mae_tokens"),
        log_error=given("log_error"),
        kendall_tau_b=given("kendall_tau_b"),
        coverage_90=given("coverage_90"),
        promised_mae_tokens=given("promised_mae_tokens"),
        promised_coverage_90=given("promised_coverage_90"),
        alarm=message.alarm,
        reason=message.reason,
    )


def _write_sampling(
    message: pb.PredictRequest | pb.Completion, sampling: SamplingConditions
) -> None:
    """Write the conditions, which both messages have under the same names."""
    if sampling.max_tokens is not None:
        message.max_tokens = _integer("max_tokens", sampling.max_tokens, 1, _UINT32_MAX)
    if sampling.temperature is not None:
        message.temperature = _temperature(sampling.temperature)


def _prompt_or_messages(
    prompt: str, messages: Sequence[AnyChatMessage]
) -> tuple[str, list[pb.ChatMessage]]:
    """Check that exactly one of them is there."""
    if not isinstance(cast("object", messages), list | tuple):
        raise InvalidRequestError(
            f"messages is of type {type(messages).__name__}: expected a list of messages"
        )
    if prompt and messages:
        raise InvalidRequestError("both prompt and messages are given: expected one of them")
    if not messages and (not _text("prompt", prompt) or prompt.isspace()):
        raise InvalidRequestError("prompt is empty: expected at least one visible character")
    return prompt, [_message(message) for message in messages]


def _message(message: object) -> pb.ChatMessage:
    """Write a ChatMessage or a mapping; what JSON brought may be anything."""
    if isinstance(message, Mapping):
        fields = cast("Mapping[str, object]", message)
        role, content = fields.get("role"), fields.get("content")
    elif isinstance(message, tuple) and len(cast("tuple[object, ...]", message)) == 2:
        role, content = cast("tuple[object, object]", message)
    else:
        raise InvalidRequestError(
            f"a message is of type {type(message).__name__}: expected ChatMessage(role, content) "
            "or a mapping of the two"
        )
    return pb.ChatMessage(
        role=_text("a message's role", role), content=_text("a message's content", content)
    )


def _text(name: str, value: object) -> str:
    """Check that protobuf can carry it, which takes UTF-8 alone."""
    if not isinstance(value, str):
        raise InvalidRequestError(f"{name} is of type {type(value).__name__}: expected str")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequestError(
                f"{name} is not valid Unicode: character {error.start:,} is the lone surrogate "
                f"{value[error.start]!a}; decode the text as UTF-8 with errors='replace'"
            ) from error
    return value


def _optional(name: str, value: SupportsIndex | None, *, low: int) -> int | None:
    return None if value is None else _integer(name, value, low, _UINT32_MAX)


def _integer(name: str, value: SupportsIndex, low: int, high: int) -> int:
    """Check an integer of any type (NumPy's too) against what its field holds."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InvalidRequestError(f"{name} is {value!r}: expected an integer") from error
    if not low <= number <= high:
        raise InvalidRequestError(f"{name} is {number}: expected {low:,} to {high:,}")
    return number


def _temperature(value: SupportsFloat) -> float:
    """Check a number of any type (NumPy's too) against what the service takes."""
    if isinstance(value, bool) or not isinstance(cast("object", value), SupportsFloat):
        raise InvalidRequestError(f"temperature is {value!r}: expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 <= number <= MAX_TEMPERATURE:  # which nan is not either
        raise InvalidRequestError(f"temperature is {number:g}: expected 0 to {MAX_TEMPERATURE:g}")
    return number


@lru_cache(maxsize=16)
def _shortest_decimals(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Undo float32: 0.8999999761581421 was 0.9. The same few levels come with every prediction."""
    return tuple(round(number, 7) for number in numbers)

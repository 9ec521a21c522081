from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Basis(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BASIS_UNSPECIFIED: _ClassVar[Basis]
    BASIS_NEIGHBOURS: _ClassVar[Basis]
    BASIS_PRIOR: _ClassVar[Basis]
    BASIS_HEAD: _ClassVar[Basis]

class Tier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIER_UNSPECIFIED: _ClassVar[Tier]
    TIER_FIRST: _ClassVar[Tier]
    TIER_SECOND: _ClassVar[Tier]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]
BASIS_UNSPECIFIED: Basis
BASIS_NEIGHBOURS: Basis
BASIS_PRIOR: Basis
BASIS_HEAD: Basis
TIER_UNSPECIFIED: Tier
TIER_FIRST: Tier
TIER_SECOND: Tier
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_LENGTH: FinishReason

class ChatMessage(_message.Message):
    __slots__ = ("role", "content")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("request_id", "prompt", "messages", "model", "max_tokens", "neighbour_count", "include_neighbour_text", "temperature")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOUR_COUNT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_NEIGHBOUR_TEXT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    prompt: str
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    model: str
    max_tokens: int
    neighbour_count: int
    include_neighbour_text: bool
    temperature: float
    def __init__(self, request_id: _Optional[str] = ..., prompt: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., model: _Optional[str] = ..., max_tokens: _Optional[int] = ..., neighbour_count: _Optional[int] = ..., include_neighbour_text: bool = ..., temperature: _Optional[float] = ...) -> None: ...

class LengthDistribution(_message.Message):
    __slots__ = ("expected_tokens", "levels", "tokens")
    EXPECTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    expected_tokens: float
    levels: _containers.RepeatedScalarFieldContainer[float]
    tokens: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, expected_tokens: _Optional[float] = ..., levels: _Optional[_Iterable[float]] = ..., tokens: _Optional[_Iterable[float]] = ...) -> None: ...

class Neighbour(_message.Message):
    __slots__ = ("id", "similarity", "output_tokens", "model", "text")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    similarity: float
    output_tokens: int
    model: str
    text: str
    def __init__(self, id: _Optional[str] = ..., similarity: _Optional[float] = ..., output_tokens: _Optional[int] = ..., model: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("queue_time_us", "encode_time_us", "search_time_us", "batch_size")
    QUEUE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    ENCODE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    SEARCH_TIME_US_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    queue_time_us: int
    encode_time_us: int
    search_time_us: int
    batch_size: int
    def __init__(self, queue_time_us: _Optional[int] = ..., encode_time_us: _Optional[int] = ..., search_time_us: _Optional[int] = ..., batch_size: _Optional[int] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("request_id", "distribution", "confidence", "basis", "nearness", "neighbours", "model_known", "index_version", "timing", "tier")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    NEARNESS_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    MODEL_KNOWN_FIELD_NUMBER: _ClassVar[int]
    INDEX_VERSION_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    distribution: LengthDistribution
    confidence: float
    basis: Basis
    nearness: float
    neighbours: _containers.RepeatedCompositeFieldContainer[Neighbour]
    model_known: bool
    index_version: str
    timing: Timing
    tier: Tier
    def __init__(self, request_id: _Optional[str] = ..., distribution: _Optional[_Union[LengthDistribution, _Mapping]] = ..., confidence: _Optional[float] = ..., basis: _Optional[_Union[Basis, str]] = ..., nearness: _Optional[float] = ..., neighbours: _Optional[_Iterable[_Union[Neighbour, _Mapping]]] = ..., model_known: bool = ..., index_version: _Optional[str] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., tier: _Optional[_Union[Tier, str]] = ...) -> None: ...

class PredictError(_message.Message):
    __slots__ = ("request_id", "code", "message")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    code: int
    message: str
    def __init__(self, request_id: _Optional[str] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class PredictResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: PredictResponse
    error: PredictError
    def __init__(self, response: _Optional[_Union[PredictResponse, _Mapping]] = ..., error: _Optional[_Union[PredictError, _Mapping]] = ...) -> None: ...

class PredictBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[PredictRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[PredictRequest, _Mapping]]] = ...) -> None: ...

class PredictBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[PredictResult]
    def __init__(self, results: _Optional[_Iterable[_Union[PredictResult, _Mapping]]] = ...) -> None: ...

class PredictStreamRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[PredictRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[PredictRequest, _Mapping]]] = ...) -> None: ...

class PredictStreamResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[PredictResult]
    def __init__(self, results: _Optional[_Iterable[_Union[PredictResult, _Mapping]]] = ...) -> None: ...

class Completion(_message.Message):
    __slots__ = ("request_id", "prompt", "messages", "model", "output_tokens", "max_tokens", "finish_reason", "temperature")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    prompt: str
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    model: str
    output_tokens: int
    max_tokens: int
    finish_reason: FinishReason
    temperature: float
    def __init__(self, request_id: _Optional[str] = ..., prompt: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., model: _Optional[str] = ..., output_tokens: _Optional[int] = ..., max_tokens: _Optional[int] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., temperature: _Optional[float] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("completions",)
    COMPLETIONS_FIELD_NUMBER: _ClassVar[int]
    completions: _containers.RepeatedCompositeFieldContainer[Completion]
    def __init__(self, completions: _Optional[_Iterable[_Union[Completion, _Mapping]]] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("stored", "duplicates")
    STORED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    stored: int
    duplicates: int
    def __init__(self, stored: _Optional[int] = ..., duplicates: _Optional[int] = ...) -> None: ...

class GetIndexInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("model", "rows", "median_tokens", "p90_tokens")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    P90_TOKENS_FIELD_NUMBER: _ClassVar[int]
    model: str
    rows: int
    median_tokens: float
    p90_tokens: float
    def __init__(self, model: _Optional[str] = ..., rows: _Optional[int] = ..., median_tokens: _Optional[float] = ..., p90_tokens: _Optional[float] = ...) -> None: ...

class ModelDrift(_message.Message):
    __slots__ = ("model", "rows", "censored_rows", "mae_tokens", "log_error", "kendall_tau_b", "coverage_90", "promised_mae_tokens", "promised_coverage_90", "alarm", "reason")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CENSORED_ROWS_FIELD_NUMBER: _ClassVar[int]
    MAE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LOG_ERROR_FIELD_NUMBER: _ClassVar[int]
    KENDALL_TAU_B_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_90_FIELD_NUMBER: _ClassVar[int]
    PROMISED_MAE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PROMISED_COVERAGE_90_FIELD_NUMBER: _ClassVar[int]
    ALARM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    model: str
    rows: int
    censored_rows: int
    mae_tokens: float
    log_error: float
    kendall_tau_b: float
    coverage_90: float
    promised_mae_tokens: float
    promised_coverage_90: float
    alarm: bool
    reason: str
    def __init__(self, model: _Optional[str] = ..., rows: _Optional[int] = ..., censored_rows: _Optional[int] = ..., mae_tokens: _Optional[float] = ..., log_error: _Optional[float] = ..., kendall_tau_b: _Optional[float] = ..., coverage_90: _Optional[float] = ..., promised_mae_tokens: _Optional[float] = ..., promised_coverage_90: _Optional[float] = ..., alarm: bool = ..., reason: _Optional[str] = ...) -> None: ...

class GetIndexInfoResponse(_message.Message):
    __slots__ = ("index_version", "schema_version", "encoder", "encoder_hash", "dimension", "metric", "search", "rows", "created_unix_s", "models", "quantile_levels", "service_version", "uptime_s", "reported", "drift", "reports_judged", "reports_unmatched", "previous_version", "switched_unix_s", "swaps", "refused_swaps")
    INDEX_VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENCODER_FIELD_NUMBER: _ClassVar[int]
    ENCODER_HASH_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    REPORTED_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    REPORTS_JUDGED_FIELD_NUMBER: _ClassVar[int]
    REPORTS_UNMATCHED_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    SWITCHED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    SWAPS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_SWAPS_FIELD_NUMBER: _ClassVar[int]
    index_version: str
    schema_version: int
    encoder: str
    encoder_hash: str
    dimension: int
    metric: str
    search: str
    rows: int
    created_unix_s: float
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    service_version: str
    uptime_s: float
    reported: int
    drift: _containers.RepeatedCompositeFieldContainer[ModelDrift]
    reports_judged: int
    reports_unmatched: int
    previous_version: str
    switched_unix_s: float
    swaps: int
    refused_swaps: int
    def __init__(self, index_version: _Optional[str] = ..., schema_version: _Optional[int] = ..., encoder: _Optional[str] = ..., encoder_hash: _Optional[str] = ..., dimension: _Optional[int] = ..., metric: _Optional[str] = ..., search: _Optional[str] = ..., rows: _Optional[int] = ..., created_unix_s: _Optional[float] = ..., models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., service_version: _Optional[str] = ..., uptime_s: _Optional[float] = ..., reported: _Optional[int] = ..., drift: _Optional[_Iterable[_Union[ModelDrift, _Mapping]]] = ..., reports_judged: _Optional[int] = ..., reports_unmatched: _Optional[int] = ..., previous_version: _Optional[str] = ..., switched_unix_s: _Optional[float] = ..., swaps: _Optional[int] = ..., refused_swaps: _Optional[int] = ...) -> None: ...

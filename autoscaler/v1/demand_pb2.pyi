from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_CLASS_UNSPECIFIED: _ClassVar[RequestClass]
    REQUEST_CLASS_INTERACTIVE: _ClassVar[RequestClass]
    REQUEST_CLASS_BATCH: _ClassVar[RequestClass]
REQUEST_CLASS_UNSPECIFIED: RequestClass
REQUEST_CLASS_INTERACTIVE: RequestClass
REQUEST_CLASS_BATCH: RequestClass

class ReportRequest(_message.Message):
    __slots__ = ("reporter", "arrivals", "progress", "endings")
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ENDINGS_FIELD_NUMBER: _ClassVar[int]
    reporter: str
    arrivals: _containers.RepeatedCompositeFieldContainer[Arrival]
    progress: _containers.RepeatedCompositeFieldContainer[Progress]
    endings: _containers.RepeatedCompositeFieldContainer[Ending]
    def __init__(self, reporter: _Optional[str] = ..., arrivals: _Optional[_Iterable[_Union[Arrival, _Mapping]]] = ..., progress: _Optional[_Iterable[_Union[Progress, _Mapping]]] = ..., endings: _Optional[_Iterable[_Union[Ending, _Mapping]]] = ...) -> None: ...

class Arrival(_message.Message):
    __slots__ = ("request_id", "age_s", "request_class", "deadline_s", "headers", "llm", "job", "input_tokens", "expected_tokens", "variance_tokens2", "quantiles")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    LLM_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_TOKENS2_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    age_s: float
    request_class: RequestClass
    deadline_s: float
    headers: _containers.ScalarMap[str, str]
    llm: str
    job: str
    input_tokens: float
    expected_tokens: float
    variance_tokens2: float
    quantiles: _containers.RepeatedCompositeFieldContainer[Quantile]
    def __init__(self, request_id: _Optional[str] = ..., age_s: _Optional[float] = ..., request_class: _Optional[_Union[RequestClass, str]] = ..., deadline_s: _Optional[float] = ..., headers: _Optional[_Mapping[str, str]] = ..., llm: _Optional[str] = ..., job: _Optional[str] = ..., input_tokens: _Optional[float] = ..., expected_tokens: _Optional[float] = ..., variance_tokens2: _Optional[float] = ..., quantiles: _Optional[_Iterable[_Union[Quantile, _Mapping]]] = ...) -> None: ...

class Quantile(_message.Message):
    __slots__ = ("level", "tokens")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    level: float
    tokens: float
    def __init__(self, level: _Optional[float] = ..., tokens: _Optional[float] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("request_id", "generated_tokens", "engine")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    generated_tokens: float
    engine: str
    def __init__(self, request_id: _Optional[str] = ..., generated_tokens: _Optional[float] = ..., engine: _Optional[str] = ...) -> None: ...

class Ending(_message.Message):
    __slots__ = ("request_id", "output_tokens")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    output_tokens: float
    def __init__(self, request_id: _Optional[str] = ..., output_tokens: _Optional[float] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("open_requests", "faults", "fault_count")
    OPEN_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    FAULT_COUNT_FIELD_NUMBER: _ClassVar[int]
    open_requests: int
    faults: _containers.RepeatedScalarFieldContainer[str]
    fault_count: int
    def __init__(self, open_requests: _Optional[int] = ..., faults: _Optional[_Iterable[str]] = ..., fault_count: _Optional[int] = ...) -> None: ...

from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SwitchIndexRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class SwitchIndexResponse(_message.Message):
    __slots__ = ("index_version", "version_before", "place_told")
    INDEX_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PLACE_TOLD_FIELD_NUMBER: _ClassVar[int]
    index_version: str
    version_before: str
    place_told: bool
    def __init__(self, index_version: _Optional[str] = ..., version_before: _Optional[str] = ..., place_told: bool = ...) -> None: ...

class RollBackRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RollBackResponse(_message.Message):
    __slots__ = ("index_version", "version_before", "place_told")
    INDEX_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PLACE_TOLD_FIELD_NUMBER: _ClassVar[int]
    index_version: str
    version_before: str
    place_told: bool
    def __init__(self, index_version: _Optional[str] = ..., version_before: _Optional[str] = ..., place_told: bool = ...) -> None: ...

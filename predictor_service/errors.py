"""The whole error tree of the service. A `CallError` is an answer, the rest stop what is begun.

CallError                   what a caller gets instead of a prediction, with its gRPC status
├── InvalidRequestError     INVALID_ARGUMENT: the request cannot be used
├── OverloadedError         RESOURCE_EXHAUSTED: no room; back off
├── DeadlinePassedError     DEADLINE_EXCEEDED: dropped before it was encoded
├── NotServingError         UNAVAILABLE: starting or stopping; retry
└── InternalFailureError    INTERNAL: a fault of the service; the log has its id
StartUpError                the service cannot start
├── ConfigError             an option is out of range
└── PortTakenError          something else listens there
SwapRefusedError            a new version is broken; the old one serves on
"""

from typing import ClassVar

import grpc


class CallError(Exception):
    """What a caller gets instead of a prediction; its text goes over the wire."""

    status: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    @property
    def code(self) -> int:
        """The google.rpc.Code number, for errors of single items."""
        return self.status.value[0]


class InvalidRequestError(CallError):
    """The request cannot be used: which field, what was expected, what came."""

    status = grpc.StatusCode.INVALID_ARGUMENT


class OverloadedError(CallError):
    """There is no room: the caller should back off and retry."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class DeadlinePassedError(CallError):
    """The deadline passed in the queue; nothing was computed."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class NotServingError(CallError):
    """The service is starting or stopping: retry, here or elsewhere."""

    status = grpc.StatusCode.UNAVAILABLE


class InternalFailureError(CallError):
    """A fault of the service; the id in the message is also in the log."""

    status = grpc.StatusCode.INTERNAL


class StartUpError(Exception):
    """The service cannot start; the message is one line for the operator."""


class ConfigError(StartUpError):
    """An option is missing or out of range."""


class PortTakenError(StartUpError):
    """Something else listens on the address."""


class SwapRefusedError(Exception):
    """A new version of the index is broken; the old one serves on."""

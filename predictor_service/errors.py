"""The whole error tree of the service. A `CallError` is an answer, the rest stop what is begun.

CallError                   what a caller gets instead of a prediction, with its gRPC status
├── InvalidRequestError     INVALID_ARGUMENT: the request cannot be used
├── UnknownCallerError      UNAUTHENTICATED: no token, or none that is known
├── ForbiddenError          PERMISSION_DENIED: a token for other methods
├── OverloadedError         RESOURCE_EXHAUSTED: no room; back off
├── TooFastError            RESOURCE_EXHAUSTED: over the caller's rate; says when to retry
├── DeadlinePassedError     DEADLINE_EXCEEDED: dropped before it was encoded
├── NoSuchVersionError      NOT_FOUND: the index has no such version
├── VersionRefusedError     FAILED_PRECONDITION: it cannot be served; the one before serves on
├── NotServingError         UNAVAILABLE: starting or stopping; retry
└── InternalFailureError    INTERNAL: a fault of the service; the log has its id
StartUpError                the service cannot start
├── ConfigError             an option is out of range
└── PortTakenError          something else listens there
SwapRefusedError            a new version cannot be served; the old one serves on
└── VersionIncompleteError  it is not whole, or not yet
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


class UnknownCallerError(CallError):
    """The caller has no token, or none that is known."""

    status = grpc.StatusCode.UNAUTHENTICATED


class ForbiddenError(CallError):
    """The caller is known, but may not call this method."""

    status = grpc.StatusCode.PERMISSION_DENIED


class TooFastError(CallError):
    """The caller sends more than its share.

    Args:
        message: What the caller is told.
        retry_after_s: Seconds until there is room again.
    """

    status = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OverloadedError(CallError):
    """There is no room: the caller should back off and retry."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class DeadlinePassedError(CallError):
    """The deadline passed in the queue; nothing was computed."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class NoSuchVersionError(CallError):
    """The place of the index has no such version."""

    status = grpc.StatusCode.NOT_FOUND


class VersionRefusedError(CallError):
    """The version that was asked for cannot be served; the one before serves on."""

    status = grpc.StatusCode.FAILED_PRECONDITION


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
    """A new version of the index cannot be served; the old one serves on."""


class VersionIncompleteError(SwapRefusedError):
    """A file of the new version is missing: it may still be being copied."""

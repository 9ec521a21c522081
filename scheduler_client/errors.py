"""The whole error tree of the client. Messages say what was expected, what came, what to do.

LengthPredictorError
├── InvalidRequestError       a prompt, option or address that cannot be used (also a ValueError)
├── ServerUnavailableError    nothing answers, or it is starting or stopping (a ConnectionError)
├── PredictionTimeoutError    no answer within the deadline (also a TimeoutError)
├── ServerOverloadedError     the service's queue is full: back off
├── AccessDeniedError         the credentials were refused
├── IncompatibleServerError   something answers, but not as lengthwise.v1 says
├── ServerFailedError         the service failed inside
└── ClientClosedError         the client was used after close()
"""

import re
from enum import IntEnum

from lengthwise.errors import LengthwiseError


class _Status(IntEnum):
    """google.rpc.Code, written out: grpc is imported with the first use of a client, not before."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


# What gRPC's core says of a message over the receiver's limit: its bytes and the limit.
_TOO_LARGE = re.compile(r"message larger than max \((\d+) vs\. (\d+)\)")


class LengthPredictorError(LengthwiseError):
    """Base of everything that the client raises on purpose."""


class InvalidRequestError(LengthPredictorError, ValueError):
    """A prompt, option or address that cannot be used; asking again will not help."""


class ServerUnavailableError(LengthPredictorError, ConnectionError):
    """Nothing answers at the address, or the service is starting or stopping."""


class PredictionTimeoutError(LengthPredictorError, TimeoutError):
    """No answer came within the deadline."""


class ServerOverloadedError(LengthPredictorError):
    """The service's queue is full: back off, or go on without a prediction."""


class AccessDeniedError(LengthPredictorError, PermissionError):
    """The service refused the credentials."""


class IncompatibleServerError(LengthPredictorError):
    """Something answers, but not as the lengthwise.v1 contract says."""


class ServerFailedError(LengthPredictorError):
    """The service failed inside; its log says more."""


class ClientClosedError(LengthPredictorError):
    """The client was used after close()."""


_ERROR_OF_STATUS: dict[int, type[LengthPredictorError]] = {
    _Status.CANCELLED: ServerUnavailableError,
    _Status.INVALID_ARGUMENT: InvalidRequestError,
    _Status.DEADLINE_EXCEEDED: PredictionTimeoutError,
    _Status.NOT_FOUND: InvalidRequestError,
    _Status.PERMISSION_DENIED: AccessDeniedError,
    _Status.RESOURCE_EXHAUSTED: ServerOverloadedError,
    _Status.FAILED_PRECONDITION: InvalidRequestError,
    _Status.OUT_OF_RANGE: InvalidRequestError,
    _Status.UNIMPLEMENTED: IncompatibleServerError,
    _Status.UNAVAILABLE: ServerUnavailableError,
    _Status.UNAUTHENTICATED: AccessDeniedError,
}
"""By gRPC status; of any other the service itself is the cause."""


def error_from_status(
    code: int, details: str, *, target: str, timeout_s: float
) -> LengthPredictorError:
    """Translate the status of a call that failed as a whole, but UNAVAILABLE.

    That has many reasons: see connection_trouble.py.

    Args:
        code: The google.rpc.Code number, which is the gRPC status code.
        details: The status message, by the service or by gRPC itself.
        target: The address as the user gave it.
        timeout_s: The deadline that the call had, in seconds.
    """
    if code == _Status.DEADLINE_EXCEEDED:
        return PredictionTimeoutError(
            f"no answer from {target} within {timeout_s:g} s: the service is slow, overloaded or "
            "out of reach; allow more time, or go on without a prediction"
        )
    if code == _Status.CANCELLED:
        return ServerUnavailableError(
            f"the service at {target} dropped the call before answering: is it stopping?"
        )
    if code == _Status.UNIMPLEMENTED:
        return IncompatibleServerError(
            f"what answers at {target} does not offer this call of lengthwise.v1.LengthPredictor "
            f"({details}): is it a Lengthwise service, of a version as new as this client?"
        )
    if too_large := _TOO_LARGE.search(details):
        came, limit = (int(size) for size in too_large.groups())
        return InvalidRequestError(
            f"the message has {came:,} bytes: {target} takes at most {limit:,}; "
            "send fewer or shorter prompts"
        )
    return error_from_item(code, details)


def error_from_item(code: int, details: str) -> LengthPredictorError:
    """Translate the status of one item of a batch or stream, whose message the service wrote."""
    if code in _ERROR_OF_STATUS:
        return _ERROR_OF_STATUS[code](details)
    if code == _Status.OK:
        return IncompatibleServerError(f"the service called status 0 (OK) an error: {details!r}")
    return ServerFailedError(f"the service failed with status {code}: {details}; see its log")

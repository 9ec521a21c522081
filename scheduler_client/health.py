"""The standard grpc.health.v1 check, written out.

Its messages are one field each, so that a dependency on grpcio-health-checking, for the sake of two
generated classes, would cost the engines that this client lives in more than these lines.
See https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from enum import IntEnum

HEALTH_SERVICE = "grpc.health.v1.Health"
"""The full name of the service, whose one method here is Check."""

HEALTH_CHECK_METHOD = f"/{HEALTH_SERVICE}/Check"
"""The full name that gRPC knows the check by."""

_SERVICE_FIELD = 0x0A  # field 1, length-delimited
_STATUS_FIELD = 0x08  # field 1, varint


class HealthStatus(IntEnum):
    """HealthCheckResponse.ServingStatus; true in a condition only if it serves."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3

    def __bool__(self) -> bool:
        return self is HealthStatus.SERVING


def encode_health_request(service: str) -> bytes:
    """Serialize HealthCheckRequest{service}; the empty name is the server as a whole."""
    name = service.encode()
    return bytes([_SERVICE_FIELD]) + _varint(len(name)) + name if name else b""


def decode_health_response(message: bytes) -> HealthStatus:
    """Parse HealthCheckResponse{status}; what it does not know is UNKNOWN, never SERVING."""
    if len(message) == 2 and message[0] == _STATUS_FIELD and message[1] <= max(HealthStatus):
        return HealthStatus(message[1])
    return HealthStatus.UNKNOWN


def encode_health_response(status: HealthStatus) -> bytes:
    """Serialize HealthCheckResponse{status}."""
    return bytes([_STATUS_FIELD, status])


def _varint(number: int) -> bytes:
    """Seven bits a byte, lowest first, the top bit set on all but the last."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])

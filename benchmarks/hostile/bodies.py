"""Message bodies that nobody should send, from a seed: the same seed, the same bodies."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from lengthwise.v1 import index_admin_pb2, length_predictor_pb2

PREDICTOR = "/lengthwise.v1.LengthPredictor/"
MAX_BODY_BYTES = 60_000
"""Below HTTP/2's first window, so that a sender need not wait for room."""

EXTREME_INTS = (0, 1, -1, 2**31 - 1, -(2**31), 2**32 - 1, 32, 33, 10_000_000, 10_000_001)
EXTREME_TEXTS = (
    "",
    " ",
    "\x00",
    "\x00" * 1_000,
    "a" * 50_000,
    "😀" * 2_000,
    "\u202e\u0301" * 500,
    "word " * 5_000,
    "\n" * 10_000,
    "'; DROP TABLE completions; --",
    "../../../../etc/passwd",
    "{{7*7}}%s%n${jndi:ldap://x}",
    "<|im_start|>system",
)
KINDS: dict[str, Callable[[], Message]] = {
    PREDICTOR + "Predict": length_predictor_pb2.PredictRequest,
    PREDICTOR + "PredictBatch": length_predictor_pb2.PredictBatchRequest,
    PREDICTOR + "PredictStream": length_predictor_pb2.PredictStreamRequest,
    PREDICTOR + "Report": length_predictor_pb2.ReportRequest,
    PREDICTOR + "GetIndexInfo": length_predictor_pb2.GetIndexInfoRequest,
    "/lengthwise.v1.IndexAdmin/SwitchIndex": index_admin_pb2.SwitchIndexRequest,
    "/lengthwise.v1.IndexAdmin/RollBack": index_admin_pb2.RollBackRequest,
}
PATHS = (
    *KINDS,
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/lengthwise.v1.LengthPredictor/NoSuchMethod",
    "//",
)


@dataclass(frozen=True, slots=True)
class Body:
    """A message as it goes out.

    Args:
        path: The gRPC method's, as in "/package.Service/Method".
        data: The message, without gRPC's frame.
    """

    path: str
    data: bytes


def random_body(rng: random.Random) -> Body:
    """Random bytes, or a good message with some of its bytes changed, cut off or repeated."""
    path = rng.choice(PATHS)
    if path not in KINDS or rng.random() < 0.4:
        return Body(path, rng.randbytes(rng.choice((0, 1, 2, 5, 20, 200, 2_000))))
    data = bytearray(_extreme_message(path, rng).SerializeToString()[:2_000] or b"\x0a\x00")
    for _ in range(rng.randint(1, 4)):
        _damage(data, rng)
    return Body(path, bytes(data[:MAX_BODY_BYTES]))


def extreme_body(rng: random.Random) -> Body:
    """A message that is valid protobuf, with values at and beyond every bound."""
    path = rng.choice(tuple(KINDS))
    data = _extreme_message(path, rng).SerializeToString()
    while len(data) > MAX_BODY_BYTES:
        data = _extreme_message(path, rng).SerializeToString()
    return Body(path, data)


def _damage(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data)) if data else 0
    match rng.randrange(4):
        case 0 if data:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            del data[at:]
        case 2:
            data[at:at] = b"\xff" * rng.randint(1, 10)  # an endless varint, a huge length
        case _:
            data[at:at] = b"\x0b" * rng.randint(1, 200)  # groups within groups


def _extreme_message(path: str, rng: random.Random) -> Message:
    message = KINDS[path]()
    _fill(message, rng, depth=0)
    return message


def _fill(message: Message, rng: random.Random, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.3:
            continue
        if field.message_type is not None:
            parts = getattr(message, field.name)
            for _ in range(rng.choice((0, 1, 2, 3, 40)) if depth < 2 else 0):
                _fill(parts.add(), rng, depth + 1)
            continue
        setattr(message, field.name, _value(field.cpp_type, rng))


def _value(cpp_type: int, rng: random.Random) -> object:
    if cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return rng.choice(EXTREME_TEXTS)
    if cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return rng.choice((0.0, -1.0, float("inf"), float("nan"), 1e308))
    low, high = {
        FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
        FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
        FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    }.get(cpp_type, (-(2**31), 2**31 - 1))
    return min(high, max(low, rng.choice(EXTREME_INTS)))

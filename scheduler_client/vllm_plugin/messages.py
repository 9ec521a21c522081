"""What the engine core and its sidecar tell each other, and how it is written.

A few messages are one packet of a socket that keeps packets apart, so that a send either goes whole
or does not go. MessagePack, by vLLM's own library for it: microseconds for a prompt.
"""

# pyright: reportGeneralTypeIssues=false, reportCallIssue=false
# msgspec comes with vLLM: it is not in the environment that types are checked in.

from operator import index
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lengthwise.length_distribution import LengthDistribution
from scheduler_client.advisor.request import FinishedRequest

Asking = Literal["ask", "no_text", "not_asked", "untouched", "policy", "again"]
"""ask: have it predicted; no_text, not_asked: count it so; untouched: the caller set a priority;
policy: the engine serves in order of arrival; again: an earlier sidecar has seen to it."""

LengthPoints = tuple[tuple[float, ...], tuple[float, ...]]
"""Levels and tokens of a LengthDistribution."""

if TYPE_CHECKING:
    Points = Any
else:
    Points = msgspec.Raw
    """The same, encoded."""


class Arrived(msgspec.Struct, array_like=True, tag=True):
    """Core to sidecar: a request that came.

    Args:
        number: By which the two speak of it.
        asking: Whether it is to be predicted, and if not why.
        token_ids: Of its prompt; of a long one head and tail; empty where it has no text.
        model: The LLM that answers, or the adapter.
        max_tokens: The limit on generated tokens.
        temperature: Of the sampling; None if unknown.
    """

    number: int
    asking: Asking
    token_ids: list[int]
    model: str
    max_tokens: int | None
    temperature: float | None


class Ended(msgspec.Struct, array_like=True, tag=True):
    """Core to sidecar: a request that has ended.

    Args:
        number: The same as its `Arrived` had.
        request_id: The id that vLLM knows it by, cut to MAX_ID_CHARS characters.
        finished: How it has ended, as far as the core knows.
        stop: Strings that end an answer: the API server sees them, and aborts the request.
        output_ids: The answer's last tokens, where one of those may have ended it.
        skip_special_tokens: Whether the API server leaves special tokens out of the text in which
            it looks for them.
    """

    number: int
    request_id: str
    finished: FinishedRequest
    stop: list[str] = []
    output_ids: list[int] = []
    skip_special_tokens: bool = True


class EngineInfo(msgspec.Struct, array_like=True, tag=True):
    """Core to sidecar, first of all: what the engine is.

    Args:
        tokenizer: Arguments of vllm.tokenizers.get_tokenizer; None if the engine has none.
        engine_index: Its number among data-parallel engines, from 0.
    """

    tokenizer: dict[str, Any] | None
    engine_index: int


class Predicted(msgspec.Struct, array_like=True, tag=True):
    """Sidecar to core: requests of which it is known now how long they are, or that nobody says.

    Args:
        lengths: Number, expected tokens and distribution of each; the last as `encode_points`
            writes it, since few rules read it. Of one that goes without: None, and that encoded.
    """

    lengths: list[tuple[int, float | None, Points]]


class Learnt(msgspec.Struct, array_like=True, tag=True):
    """Sidecar to core: what finished requests have taught so far.

    Args:
        rates: The three fields of a ServiceTimeModel, in its order.
        typical_tokens: The usual length of each LLM's answers.
        typical_of_all_tokens: Of an LLM that has not answered yet.
    """

    rates: tuple[float, float, float]
    typical_tokens: dict[str, float]
    typical_of_all_tokens: float


def encode_points(distribution: LengthDistribution | None) -> Points:
    """A distribution, to be sent as it is; `decode_points` reads it, if it is one."""
    if distribution is None:
        return msgspec.Raw(encode(None))
    return msgspec.Raw(encode((distribution.levels, distribution.tokens)))


ToSidecar = EngineInfo | Arrived | Ended
ToCore = Predicted | Learnt

MAX_PACKET_BYTES = 128 * 1024
"""A packet must fit the kernel's socket buffer, 208 KB."""

encode = msgspec.msgpack.Encoder(enc_hook=index).encode  # token ids may be NumPy's
decode_points = msgspec.msgpack.Decoder(LengthPoints).decode
decode_to_sidecar = msgspec.msgpack.Decoder(list[ToSidecar]).decode
decode_to_core = msgspec.msgpack.Decoder(ToCore).decode

"""An HTTP request as a call for text: is it one, and what does it ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler_client.gateways.answer_reader import is_plain
from scheduler_client.gateways.api_request import MAX_BODY_BYTES, ApiRequest, read_api_body
from scheduler_client.gateways.completion_limit import is_completion, with_completion_limit
from scheduler_client.gateways.envoy.messages import PRIORITY_HEADER

_PATHS = ("/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages")
"""Where text is asked for, whatever prefix a gateway puts before it."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What an HTTP request's headers say.

    Args:
        asks_for_text: Method and path are those of a call that generates text.
        is_completion: The path is that of completions, not of chats.
        priority: The caller's own, as its header has it; None without one.
        is_plain: The body is not compressed.
    """

    asks_for_text: bool
    is_completion: bool
    priority: str | None
    is_plain: bool

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "RequestHead":
        """Read headers, names in lower case, pseudo-headers among them."""
        path = headers.get(":path", "").partition("?")[0]
        return cls(
            asks_for_text=headers.get(":method") == "POST" and path.endswith(_PATHS),
            is_completion=is_completion(path),
            priority=headers.get(PRIORITY_HEADER),
            is_plain=is_plain(headers),
        )


def read_call(body: bytes, *, is_completion: bool) -> ApiRequest | None:
    """What a body asks for; None if it is no whole JSON object, or too long to be looked at.

    Args:
        body: As it came, not compressed.
        is_completion: A completion, of which vLLM, behind Envoy, limits those that name no limit.
    """
    # One that was cut off would be read to its end in vain.
    if len(body) > MAX_BODY_BYTES or not body.rstrip().endswith(b"}"):
        return None
    call = read_api_body(body)
    return with_completion_limit(call) if call is not None and is_completion else call

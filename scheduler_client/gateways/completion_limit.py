"""The limit that vLLM gives a completion whose caller names none."""

from dataclasses import replace

from scheduler_client.gateways.api_request import ApiRequest

COMPLETION_TOKENS = 16
"""What vLLM takes for the limit of a completion that names none; a chat has none then."""

_COMPLETIONS, _CHATS = "/completions", "/chat/completions"
"""How their paths end, whatever stands before."""


def is_completion(path: str) -> bool:
    """Whether an HTTP path, without its query, is that of completions, and not of chats."""
    return path.endswith(_COMPLETIONS) and not path.endswith(_CHATS)


def with_completion_limit(call: ApiRequest) -> ApiRequest:
    """A completion as vLLM will take it: its own limit, or that of those that name none."""
    return call if call.max_tokens is not None else replace(call, max_tokens=COMPLETION_TOKENS)

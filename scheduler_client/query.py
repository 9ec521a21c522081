"""What is asked of the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


class ChatMessage(NamedTuple):
    """One message of a conversation: who said it ("system", "user", "assistant") and what."""

    role: str
    content: str


AnyChatMessage = ChatMessage | Mapping[str, str]
"""A message, or the same as a mapping with "role" and "content", as in OpenAI's API."""


@dataclass(frozen=True, slots=True)
class PredictionQuery:
    """One prediction asked for. Either `prompt` or `messages` is given, not both.

    It is checked when it is sent, so that one bad prompt among many fails alone.

    Args:
        prompt: The text as the LLM will see it.
        messages: The conversation, oldest first, if it is not yet rendered into a prompt.
        model: The LLM that will answer, whose own history counts first; "" means any.
        max_tokens: The limit on generated tokens, which truncates the distribution.
        request_id: The caller's own id, given back unchanged.
        neighbour_count: How many nearest past prompts to name; None leaves it to the service (3).
        include_neighbour_text: Also give the neighbours' text, where the index keeps it.
        temperature: Of the sampling, 0 to 100; 0 is greedy decoding, None means unknown.
    """

    prompt: str = ""
    messages: Sequence[AnyChatMessage] = ()
    model: str = ""
    max_tokens: int | None = None
    request_id: str = ""
    neighbour_count: int | None = None
    include_neighbour_text: bool = False
    temperature: float | None = None


def as_query(prompt: str | PredictionQuery, **options: Any) -> PredictionQuery:
    """Make a query of a prompt; options that are not None win over those of a given query."""
    query = prompt if isinstance(prompt, PredictionQuery) else PredictionQuery(prompt)
    given = {name: value for name, value in options.items() if value is not None}
    return replace(query, **given) if given else query

"""A request to an LLM: what is asked before it runs, and what is reported once it has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

MAX_TEMPERATURE = 100.0


def known_temperature(value: object) -> float | None:
    """The temperature that a request carries; None for anything that cannot be one.

    A prediction does without a temperature: what is wrong with it is the engine's to say.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_TEMPERATURE else None


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


FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class CompletedRequest:
    """A finished request. Either `prompt` or `messages` is given, not both.

    Args:
        request_id: Unique per completion: the same id reported again changes nothing, so that a
            report that may have been lost can be repeated.
        output_tokens: Tokens that the LLM generated, at least 0.
        prompt: The text as the LLM saw it.
        messages: The conversation, oldest first, instead of the prompt.
        model: The LLM that answered.
        max_tokens: The limit on generated tokens, if there was one.
        finish_reason: "stop" if the LLM ended by itself, "length" if it was cut off: then the true
            length was longer, and the service counts it so.
        temperature: Of the sampling, 0 to 100; 0 is greedy decoding, None means unknown.
    """

    request_id: str
    output_tokens: int
    prompt: str = ""
    messages: Sequence[AnyChatMessage] = ()
    model: str = ""
    max_tokens: int | None = None
    finish_reason: FinishReason = "stop"
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class ReportReceipt:
    """How many completions were newly stored, and how many were known by their id already."""

    stored: int
    duplicates: int

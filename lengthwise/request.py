"""A request to an LLM: what is asked before it runs, and what is reported once it has ended.

What an answer's length depends on beside the text and the LLM stands in SamplingConditions alone,
which every noun of a request carries whole: a condition more is a field there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, TypedDict, Unpack, cast

from lengthwise.conversation import ChatMessage

MAX_OUTPUT_TOKENS = 10_000_000
"""Beyond this a length is taken for a mistake: no LLM generates ten million tokens."""

MAX_TEMPERATURE = 100.0
"""Beyond this a temperature is taken for a mistake: engines take 2 at most."""

FinishReason = Literal["stop", "length"]
"""Whether the LLM ended by itself, or was cut off: then the true length was longer."""

AnyChatMessage = ChatMessage | Mapping[str, str]
"""A message, or the same as a mapping with "role" and "content", as in OpenAI's API."""


class SamplingOptions(TypedDict, total=False):
    """The fields of SamplingConditions as options of a call: whatever carries them takes these."""

    max_tokens: int | None
    temperature: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConditions:
    """What the caller asks of the sampling, as far as the length of the answer depends on it.

    Args:
        max_tokens: The limit on generated tokens, at least 1; None if there is none.
        temperature: Of the sampling, 0 to 100; 0 is greedy decoding, None means unknown.
    """

    max_tokens: int | None = None
    temperature: float | None = None

    def sampling_options(self) -> SamplingOptions:
        """These conditions alone, for the constructor of another noun that carries them."""
        given = {name: getattr(self, name) for name in CONDITION_NAMES}
        return cast("SamplingOptions", given)

    def out_of_range(self) -> str:
        """Which condition cannot be, with its value and range; "" if all can."""
        if self.max_tokens is not None and not 1 <= self.max_tokens <= MAX_OUTPUT_TOKENS:
            return f"max_tokens is {self.max_tokens}: expected 1 to {MAX_OUTPUT_TOKENS:,}"
        if self.temperature is not None and not 0 <= self.temperature <= MAX_TEMPERATURE:
            return f"temperature is {self.temperature:g}: expected 0 to {MAX_TEMPERATURE:g}"
        return ""


CONDITION_NAMES = tuple(field.name for field in fields(SamplingConditions))
"""The conditions by name, for whoever reads or writes them one by one."""


def known_temperature(value: object) -> float | None:
    """The temperature that a request carries; None for anything that cannot be one.

    A prediction does without a temperature: what is wrong with it is the engine's to say.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_TEMPERATURE else None


@dataclass(frozen=True, slots=True)
class PredictionQuery(SamplingConditions):
    """One prediction asked for. Either `prompt` or `messages` is given, not both.

    It is checked when it is sent, so that one bad prompt among many fails alone. The conditions of
    the sampling are given by name; `max_tokens` truncates the distribution.

    Args:
        prompt: The text as the LLM will see it.
        messages: The conversation, oldest first, if it is not yet rendered into a prompt.
        model: The LLM that will answer, whose own history counts first; "" means any.
        request_id: The caller's own id, given back unchanged.
        neighbour_count: How many nearest past prompts to name; None leaves it to the service (3).
            With 0 the first tier of the index may answer, which is many times as fast.
        include_neighbour_text: Also give the neighbours' text, where the index keeps it.
    """

    prompt: str = ""
    messages: Sequence[AnyChatMessage] = ()
    model: str = ""
    request_id: str = ""
    neighbour_count: int | None = None
    include_neighbour_text: bool = False


class QueryOptions(SamplingOptions, total=False):
    """Fields of a PredictionQuery as options of a call; None leaves one as it is."""

    messages: Sequence[AnyChatMessage] | None
    model: str | None
    request_id: str | None
    neighbour_count: int | None
    include_neighbour_text: bool | None


def as_query(prompt: str | PredictionQuery, **options: Unpack[QueryOptions]) -> PredictionQuery:
    """Make a query of a prompt; options that are not None win over those of a given query.

    Raises:
        TypeError: If there is no such option.
    """
    query = prompt if isinstance(prompt, PredictionQuery) else PredictionQuery(prompt)
    given = {name: value for name, value in options.items() if value is not None}
    return replace(query, **given) if given else query


@dataclass(frozen=True, slots=True)
class CompletedRequest(SamplingConditions):
    """A finished request. Either `prompt` or `messages` is given, not both.

    The conditions that it was sampled under are given by name.

    Args:
        request_id: Unique per completion: the same id reported again changes nothing, so that a
            report that may have been lost can be repeated.
        output_tokens: Tokens that the LLM generated, at least 0.
        prompt: The text as the LLM saw it.
        messages: The conversation, oldest first, instead of the prompt.
        model: The LLM that answered; "" where it is not known.
        finish_reason: "stop" if the LLM ended by itself, "length" if it was cut off: then the true
            length was longer, and the service counts it so.
    """

    request_id: str
    output_tokens: int
    prompt: str = ""
    messages: Sequence[AnyChatMessage] = ()
    model: str = ""
    finish_reason: FinishReason = "stop"


@dataclass(frozen=True, slots=True)
class ReportReceipt:
    """What became of a report.

    Args:
        stored: Completions that are new to the service.
        duplicates: Those whose id it knew already.
    """

    stored: int
    duplicates: int

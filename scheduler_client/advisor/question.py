"""What the engine tells of a request when it arrives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A request that wants a place in the queue.

    Args:
        request_id: The engine's own id, by which its end is told later.
        prompt: The text as the LLM will see it; None if there is none (token ids, embeddings).
        model: The LLM that will answer, as the engine names it; "" if unknown.
        max_tokens: The limit on generated tokens; None if there is none.
        input_tokens: Tokens of the prompt; 0 if unknown.
        arrival_s: When the request came, in seconds on the clock that all keys share.
        temperature: Of the sampling; None if unknown.
    """

    request_id: str
    prompt: str | None
    model: str
    max_tokens: int | None
    input_tokens: int
    arrival_s: float
    temperature: float | None = None

"""What the sidecar remembers of a request until that ends."""

import asyncio
from dataclasses import dataclass

from scheduler_client.advisor.asker import Answer


@dataclass(slots=True)
class Known:
    """A request that has not ended.

    Args:
        prompt: Its text; empty if it has none.
        model: The LLM that answers, or the adapter.
        max_tokens: The limit on generated tokens.
        temperature: Of the sampling; None if unknown.
        answer: Of the predictor; None if nobody was asked.
        predicted_tokens: None while nothing was predicted.
    """

    prompt: str
    model: str
    max_tokens: int | None
    temperature: float | None
    answer: "asyncio.Future[Answer] | None" = None
    predicted_tokens: float | None = None

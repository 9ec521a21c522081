"""The seam: what a call tells whoever traces it."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(slots=True)
class CallFacts:
    """What is learnt of a call while it is answered; no text of a prompt.

    Args:
        prompts: Prompts in the call's messages.
        cached: Prompts answered from the cache.
        failed: Prompts that got no answer.
        queue_us: Until the micro-batch of the prompt that waited longest started, in microseconds.
        encode_us: Encoding of that micro-batch, in microseconds.
        search_us: Search and estimates of that micro-batch, in microseconds.
        batch_size: Prompts in that same micro-batch.
        index_version: Of the index that computed it.
    """

    prompts: int = 0
    cached: int = 0
    failed: int = 0
    queue_us: int = 0
    encode_us: int = 0
    search_us: int = 0
    batch_size: int = 0
    index_version: str = ""


current_facts: ContextVar[CallFacts | None] = ContextVar("current_facts", default=None)
"""Of the call that is being answered, if it is traced."""


class CallTracer(Protocol):
    """Follows calls from their first message to their status."""

    def begin(self, method: str, context: Any) -> Any:
        """A call came; None if it is not traced."""
        ...

    def end(self, span: Any, code: int) -> None:
        """It ended with a gRPC status."""
        ...

    def close(self) -> None:
        """Send what is still to be sent; blocks for a few seconds at most."""
        ...


class NoTracer:
    """Follows no call."""

    def begin(self, method: str, context: Any) -> None: ...

    def end(self, span: Any, code: int) -> None: ...

    def close(self) -> None: ...


class Answered(Protocol):
    """What a tracer reads of one answer in a message; see `predictions.Result`."""

    answer: Any
    error: Any


def note_answers(results: Sequence[Answered]) -> None:
    """Tell the tracer, if there is one, how the prompts of a message were answered."""
    facts = current_facts.get()
    if facts is None:
        return
    facts.prompts += len(results)
    for result in results:
        answer = result.answer
        if result.error is not None:
            facts.failed += 1
        elif answer is None:
            facts.cached += 1
        elif answer.queue_us >= facts.queue_us:
            batch = answer.batch
            facts.queue_us, facts.batch_size = answer.queue_us, batch.size
            facts.encode_us, facts.search_us = batch.encode_us, batch.search_us
            facts.index_version = batch.version

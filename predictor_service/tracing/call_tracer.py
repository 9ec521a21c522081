"""The seam: what a call tells whoever traces it."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(slots=True)
class CallFacts:
    """What is learnt of a call while it is answered; no text of a prompt.

    Args:
        prompts: In the message.
        cached: Those answered from the cache.
        failed: Those without an answer.
        queue_us: Until the micro-batch of its slowest prompt started.
        encode_us: Of that micro-batch.
        search_us: Of that micro-batch.
        batch_size: Prompts in that micro-batch.
        index_version: That answered.
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
    """Follows calls."""

    def begin(self, method: str, context: Any) -> Any:
        """A call came; None if it is not traced."""
        ...

    def end(self, span: Any, code: int) -> None:
        """It ended with a gRPC status."""
        ...

    def close(self) -> None:
        """Send what is still to be sent."""
        ...


class NoTracer:
    """Follows none."""

    def begin(self, method: str, context: Any) -> None:
        """Not traced."""

    def end(self, span: Any, code: int) -> None:
        """Not traced."""

    def close(self) -> None:
        """Nothing to send."""


class Answered(Protocol):
    """One answer of a message; see `predictions.Result`."""

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

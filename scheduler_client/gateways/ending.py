"""How a call ended, whichever gateway saw it."""

from dataclasses import dataclass
from typing import Literal

from scheduler_client.advisor.request import FinishReason

EndingKind = FinishReason | Literal["no_usage", "unreadable"]
"""How a call ended; "no_usage" where the answer does not say its length, "unreadable" where it is
compressed, too long or no JSON."""

NO_USAGE = (
    "streamed answers do not say how many tokens they have, so their lengths are not learnt: have "
    "vLLM say it with --enable-force-include-usage, or callers ask for stream_options.include_usage"
)
"""Said in the log, since otherwise nobody would know why nothing is learnt."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A call that has ended.

    Args:
        kind: The length says something of the LLM where this is "stop" or "length"; "abort" if the
            caller left, or if the engine or a filter broke the answer off; "error" if it failed or
            no LLM was asked.
        output_tokens: Of one answer; the mean where there are several; 0 if unknown.
        input_tokens: Of the prompt; 0 if unknown.
        first_token_s: When the first token came, in seconds since 1970; None if the answer was not
            streamed, so that this is not known.
        ended_s: When it ended, in seconds since 1970; None for now.
    """

    kind: EndingKind
    output_tokens: int = 0
    input_tokens: int = 0
    first_token_s: float | None = None
    ended_s: float | None = None

    @property
    def finish_reason(self) -> FinishReason:
        """The same for a rule: a call of unknown length is out, and nothing is learnt of it."""
        return "error" if self.kind in ("no_usage", "unreadable") else self.kind

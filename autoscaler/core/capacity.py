"""What one instance gives: tokens per second and time between tokens, by the size of its batch."""

import math
from dataclasses import dataclass

from autoscaler.core.checks import above, at_least
from autoscaler.errors import InvalidStateError


@dataclass(frozen=True, slots=True)
class InstanceCapacity:
    """One engine, all alike: a decoding step takes `step_s + sequence_s * batch`.

    The same linear step that `serving_sim calibrate` fits to a real engine.

    Args:
        slots: Requests that it runs at once at most (vLLM's max_num_seqs), at least 1.
        step_s: Seconds of a decoding step, whatever the batch; above 0.
        sequence_s: Seconds more for each sequence in it, at least 0.
        prefill_token_s: Seconds for each prompt token computed, at least 0.
        start_up_s: Seconds from the decision until a new instance serves, at least 0.

    Raises:
        InvalidStateError: If a number is out of range.
    """

    slots: int
    step_s: float
    sequence_s: float = 0.0
    prefill_token_s: float = 0.0
    start_up_s: float = 60.0

    def __post_init__(self) -> None:
        at_least(1, slots=self.slots)
        above(0, step_s=self.step_s)
        at_least(0, sequence_s=self.sequence_s, prefill_token_s=self.prefill_token_s)
        at_least(0, start_up_s=self.start_up_s)

    def itl_s(self, batch: float) -> float:
        """Seconds between two tokens of a request in a batch of this size."""
        return self.step_s + self.sequence_s * batch

    def slots_within(self, itl_slo_s: float) -> int:
        """The largest batch whose time between tokens stays within an SLO.

        Raises:
            InvalidStateError: If a batch of one is slower already: no number of instances helps.
        """
        if self.itl_s(1) > itl_slo_s:
            raise InvalidStateError(
                f"a request alone has {self.itl_s(1):.3g} s between tokens: an SLO of "
                f"{itl_slo_s:.3g} s cannot be met; expected at least {self.itl_s(1):.3g} s"
            )
        if not self.sequence_s:
            return self.slots
        # A whisker more, so that an SLO at exactly a batch's own time takes that batch.
        most = math.floor((itl_slo_s - self.step_s) / self.sequence_s + 1e-9)
        return max(1, min(self.slots, most))

    def decode_tokens_per_s(self, batch: float) -> float:
        """Tokens generated per second by a batch of this size; grows with it."""
        return batch / self.itl_s(batch)

    def prefill_s(self, input_tokens: float) -> float:
        """Seconds that one instance computes prompts of so many tokens."""
        return input_tokens * self.prefill_token_s

"""How long an engine's step takes."""

import math
from dataclasses import asdict, dataclass, fields

from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.errors import InvalidEngineError


@dataclass(frozen=True, slots=True)
class StepCost:
    """The time of one step (one forward pass) of a batch, linear in what the step does.

    Reading the weights takes `step_s` whatever the batch; each sequence, each token whose keys and
    values are read and each prompt token that is computed adds its own. All in seconds.

    Args:
        step_s: Of any step.
        sequence_s: Per sequence in it.
        cached_token_s: Per token that attention reads: those cached before the step.
        prefill_step_s: More for a step that computes any prompt.
        prefill_token_s: Per prompt token computed.

    Raises:
        InvalidEngineError: If a time is negative, infinite or not a number, or all are 0.
    """

    step_s: float
    sequence_s: float = 0.0
    cached_token_s: float = 0.0
    prefill_step_s: float = 0.0
    prefill_token_s: float = 0.0

    def __post_init__(self) -> None:
        for rate in fields(self):
            value: float = getattr(self, rate.name)
            if not (math.isfinite(value) and value >= 0):
                raise InvalidEngineError(
                    f"{rate.name} is {value}: expected a finite number of at least 0"
                )
        if self.step_s + self.sequence_s <= 0:
            raise InvalidEngineError("step_s and sequence_s are 0: a step must take some time")

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)

    def decode_s(self, steps: int, sequences: int, cached_tokens: int) -> float:
        """The time of `steps` steps in which each sequence generates one token.

        Args:
            steps: At least 0.
            sequences: In the batch, the same in every step.
            cached_tokens: Of all sequences together, before the first step; each adds one a step.
        """
        read = steps * cached_tokens + sequences * (steps * (steps - 1) // 2)
        return steps * (self.step_s + self.sequence_s * sequences) + self.cached_token_s * read

    def prefill_s(self, sequences: int, cached_tokens: int, prefill_tokens: int) -> float:
        """The time of a step that computes prompt tokens, beside those that decode.

        Args:
            sequences: In the batch, those with a prompt included.
            cached_tokens: Of all of them, before the step.
            prefill_tokens: Computed in it.
        """
        batch_s = self.step_s + self.sequence_s * sequences + self.cached_token_s * cached_tokens
        return batch_s + self.prefill_step_s + self.prefill_token_s * prefill_tokens

    def steps_until(self, now_s: float, then_s: float, sequences: int, cached_tokens: int) -> int:
        """The fewest steps, at least 1, that end at or after `then_s`.

        Args:
            now_s: When the first begins.
            then_s: After it, and finite.
            sequences: In the batch.
            cached_tokens: Of all of them, before the first step.
        """
        # steps * linear + steps ** 2 * square = wait, solved in the form that loses no digits.
        wait_s = then_s - now_s
        square = self.cached_token_s * sequences / 2
        linear = self.decode_s(1, sequences, cached_tokens) - square
        root = math.sqrt(linear * linear + 4 * square * wait_s)
        steps = max(1, math.ceil(2 * wait_s / (linear + root)))
        while now_s + self.decode_s(steps, sequences, cached_tokens) < then_s:
            steps += 1
        while steps > 1 and now_s + self.decode_s(steps - 1, sequences, cached_tokens) >= then_s:
            steps -= 1
        return steps

    def service_time_model(self, slots: int) -> ServiceTimeModel:
        """What a request takes in a batch of `slots`, for rules that reckon in time."""
        return ServiceTimeModel(
            prefill_s_per_input_token=self.prefill_token_s,
            decode_s_per_output_token=self.step_s + self.sequence_s * slots,
            decode_s_per_output_and_input_token=self.cached_token_s * slots,
        )


SSJF_COST = StepCost(step_s=0.02, prefill_step_s=0.1)
"""0.1 s + 0.02 s per token, whatever the batch (Qiu et al. 2024, arXiv 2404.08509)."""

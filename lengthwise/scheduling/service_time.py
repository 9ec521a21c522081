"""How long a request will run, from how long its answer will be."""

import math
from dataclasses import dataclass, fields

from lengthwise.prediction import Prediction


@dataclass(frozen=True, slots=True)
class ServiceTimeModel:
    """T = s * T0 + n * (alpha * s + beta), for s input and n output tokens.

    This is ALISE's model of the execution time (Zhao and Wang 2024, arXiv 2410.23537): a prefill
    linear in the input, and decoding steps whose attention grows with the input. The three rates
    belong to one LLM on one machine: fit them to its own timings. By default only the output
    counts, at SSJF's 0.02 s per token (Qiu et al. 2024, arXiv 2404.08509), which orders requests by
    predicted length.

    Args:
        prefill_s_per_input_token: T0, in seconds.
        decode_s_per_output_token: beta, in seconds.
        decode_s_per_output_and_input_token: alpha, in seconds.

    Raises:
        ValueError: If a rate is negative, infinite or not a number.
    """

    prefill_s_per_input_token: float = 0.0
    decode_s_per_output_token: float = 0.02
    decode_s_per_output_and_input_token: float = 0.0

    def __post_init__(self) -> None:
        for rate in fields(self):
            value: float = getattr(self, rate.name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{rate.name} is {value}: expected a finite number of at least 0")

    def service_time_s(self, output_tokens: float, input_tokens: float = 0.0) -> float:
        """The time that `output_tokens` take after `input_tokens`, in seconds.

        Raises:
            ValueError: If either number is negative, infinite or not a number.
        """
        for name, tokens in (("output_tokens", output_tokens), ("input_tokens", input_tokens)):
            if not (math.isfinite(tokens) and tokens >= 0):
                raise ValueError(f"{name} is {tokens}: expected a finite number of at least 0")
        step_s = (
            self.decode_s_per_output_and_input_token * input_tokens + self.decode_s_per_output_token
        )
        return input_tokens * self.prefill_s_per_input_token + output_tokens * step_s

    def predicted_service_time_s(
        self, prediction: Prediction, input_tokens: float = 0.0, *, level: float | None = None
    ) -> float:
        """The time that a predicted answer will take, in seconds.

        Args:
            prediction: What the service said.
            input_tokens: Tokens of the prompt.
            level: Take this quantile of the length (0.9: pessimistic) instead of its mean, which is
                what shortest-job-first minimises the mean completion time with.

        Raises:
            ValueError: If a number is out of range.
        """
        tokens = prediction.expected_tokens if level is None else prediction.quantile(level)
        return self.service_time_s(tokens, input_tokens)

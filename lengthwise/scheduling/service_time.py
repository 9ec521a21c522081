"""How long a request will run, from how long its answer will be."""

from dataclasses import dataclass, fields
from math import inf

from lengthwise.prediction import Prediction
from lengthwise.scheduling.checks import checked_not_negative


@dataclass(frozen=True, slots=True)
class ServiceTimeModel:
    """T = s * T0 + n * (alpha * s + beta), for s input and n output tokens.

    This is ALISE's model of the execution time (Zhao and Wang 2024, arXiv 2410.23537): a prefill
    linear in the input, and decoding steps whose attention grows with the input. The three rates
    belong to one LLM on one machine: fit them to its own timings. By default only the output
    counts, at SSJF's 0.02 s per token (Qiu et al. 2024, arXiv 2404.08509), which orders requests by
    predicted length.

    Args:
        prefill_s_per_input_token: T0: what each token of the prompt takes once, in seconds.
        decode_s_per_output_token: beta: what each token of the answer takes, in seconds.
        decode_s_per_output_and_input_token: alpha: what it takes on top for each token of the
            prompt that it attends to, in seconds.

    Raises:
        ValueError: If a rate is negative, infinite or not a number.
    """

    prefill_s_per_input_token: float = 0.0
    decode_s_per_output_token: float = 0.02
    decode_s_per_output_and_input_token: float = 0.0

    def __post_init__(self) -> None:
        for rate in fields(self):
            checked_not_negative(getattr(self, rate.name), rate.name)

    def service_time_s(self, output_tokens: float, input_tokens: float = 0.0) -> float:
        """The time that `output_tokens` take after `input_tokens`, in seconds.

        Raises:
            ValueError: If either number is negative, infinite or not a number.
        """
        if not (0 <= output_tokens < inf and 0 <= input_tokens < inf):
            checked_not_negative(output_tokens, "output_tokens")
            checked_not_negative(input_tokens, "input_tokens")
        step_s = (
            self.decode_s_per_output_and_input_token * input_tokens + self.decode_s_per_output_token
        )
        return input_tokens * self.prefill_s_per_input_token + output_tokens * step_s

    def predicted_service_time_s(
        self, prediction: Prediction, input_tokens: float = 0.0, *, level: float | None = None
    ) -> float:
        """The time that a predicted answer will take, in seconds.

        Args:
            prediction: The length's, from a client.
            input_tokens: Tokens of the prompt; they count where its rates are not 0.
            level: Take this quantile of the length (0.9: pessimistic) instead of its mean, which is
                what shortest-job-first minimises the mean completion time with.

        Raises:
            ValueError: If a number is out of range.
        """
        tokens = prediction.expected_tokens if level is None else prediction.quantile(level)
        return self.service_time_s(tokens, input_tokens)

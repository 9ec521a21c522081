"""The engine's own speed, from the requests that it finished."""

from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.advisor.running_line import RunningLine

START = ServiceTimeModel(
    prefill_s_per_input_token=2e-4,
    decode_s_per_output_token=0.02,
    decode_s_per_output_and_input_token=0.0,
)
"""SSJF's 0.02 s per token (Qiu et al. 2024), and a prefill of 5,000 tokens a second: until the
engine has shown its own speed."""

_PREFILL_OBSERVATIONS = 0.3
"""What the prefill before counts as: less than the first request."""

_NO_ALPHA_OBSERVATIONS = 30.0
"""What it counts as that attention takes no time: a few steps' noise over short prompts is taken
for it otherwise, which then outweighs what the answers' lengths differ by."""


class ServiceTimeFit:
    """Fits T = s * T0 + n * (alpha * s + beta) (ALISE, Zhao and Wang 2024, arXiv 2410.23537).

    An engine tells its prefill and its decoding apart, so each is a straight line over the prompt's
    tokens s: the prefill, of which T0 is the slope and the level what a step takes however short
    the prompt is, which is alike for all; and the decoding per token, beta + alpha * s. Not
    thread-safe.

    What a token takes depends on what runs beside it: a full batch slows each of its requests, and
    others' prefills stand between one's tokens. The model knows nothing of that, so what is fitted
    is the mean over the batches of late, which follows the load as old requests are forgotten.
    Requests of one time share the error, and their order, which is what this is for, hardly hangs
    on it. An answer served from the prefix cache shows a prefill that is too short; robust weights
    keep a few such from counting.
    """

    def __init__(self) -> None:
        self._prefill = RunningLine(
            0.0, START.prefill_s_per_input_token, slope_weight=_PREFILL_OBSERVATIONS
        )
        self._decode = RunningLine(
            START.decode_s_per_output_token,
            START.decode_s_per_output_and_input_token,
            slope_weight=_NO_ALPHA_OBSERVATIONS,
        )

    @property
    def model(self) -> ServiceTimeModel:
        """The rates as fitted so far."""
        return ServiceTimeModel(self._prefill.slope, self._decode.level, self._decode.slope)

    def add(self, finished: FinishedRequest) -> None:
        """Learn from a finished request: one token is no decoding yet, and a pause none at all."""
        if finished.preemptions:
            return
        inputs, outputs = finished.input_tokens, finished.output_tokens
        self._prefill.add(inputs, finished.prefill_s)
        if outputs > 1:
            self._decode.add(inputs, finished.decode_s / outputs)

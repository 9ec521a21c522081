"""How long an answer is expected to be, as the engine core knows it."""

from lengthwise.length_distribution import LengthDistribution
from scheduler_client.advisor.typical_lengths import START_TOKENS
from scheduler_client.vllm_plugin.messages import Points, decode_points


class ExpectedLength:
    """The length of an answer, as far as it is known before.

    Args:
        tokens: The mean of the prediction, or what is typical of the LLM.
        points: The prediction as it came; None if there is none.
    """

    __slots__ = ("_distribution", "_points", "tokens")

    def __init__(self, tokens: float = START_TOKENS, points: Points | None = None) -> None:
        self.tokens = tokens
        self._points = points
        self._distribution: LengthDistribution | None = None

    @property
    def predicted(self) -> bool:
        """Whether it is a prediction."""
        return self._points is not None

    @property
    def distribution(self) -> LengthDistribution | None:
        """The prediction, made of its points where it is asked for: few rules do."""
        if self._distribution is None and self._points is not None:
            self._distribution = LengthDistribution(*decode_points(self._points))
        return self._distribution

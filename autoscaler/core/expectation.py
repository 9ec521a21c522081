"""What is expected of one request's answer, by the best that is known of it."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from autoscaler.core.checks import at_least
from autoscaler.core.demand import UNKNOWN_CV, Knowledge, length_moments
from lengthwise.length_distribution import LengthDistribution

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Of a length of which only the moments are known, where its distribution is drawn: close enough
that its mean is within five percent of the one given, for any spread up to UNKNOWN_CV."""

_NORMAL = NormalDist()
"""Of mean 0 and standard deviation 1: what a log-normal length is made of."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The answer that one request is expected to get.

    Args:
        length: Distribution of its tokens, those generated already included.
        mean_tokens: Its mean; as it was told, where it was.
        variance_tokens2: Of the same, in tokens squared.
        knowledge: The step of degradation that it comes from.
    """

    length: LengthDistribution
    mean_tokens: float
    variance_tokens2: float
    knowledge: Knowledge

    @classmethod
    def from_distribution(cls, length: LengthDistribution) -> "Expectation":
        """From the quantiles of a prediction."""
        mean, variance = length_moments(length)
        return cls(length, mean, variance, Knowledge.PREDICTIONS)

    @classmethod
    def from_moments(
        cls, mean_tokens: float, variance_tokens2: float, knowledge: Knowledge
    ) -> "Expectation":
        """From a mean and a variance: lengths spread by factors, so it is drawn log-normal.

        Args:
            mean_tokens: Of the length, at least 0.
            variance_tokens2: Of the length, in tokens squared, at least 0.
            knowledge: The step of degradation that both come from.

        Raises:
            InvalidStateError: If a number is out of range.
        """
        at_least(0, mean_tokens=mean_tokens, variance_tokens2=variance_tokens2)
        length = log_normal(mean_tokens, variance_tokens2)
        return cls(length, mean_tokens, variance_tokens2, knowledge)

    @classmethod
    def from_mean(cls, mean_tokens: float, knowledge: Knowledge) -> "Expectation":
        """From nothing but a mean, as of a job's answers: spread as UNKNOWN_CV says."""
        return cls.from_moments(mean_tokens, (UNKNOWN_CV * mean_tokens) ** 2, knowledge)

    def left_tokens(self, generated_tokens: float) -> float:
        """Tokens that are expected to come yet, at least 1: something always does."""
        return max(1.0, self.mean_tokens - generated_tokens)


def log_normal(mean_tokens: float, variance_tokens2: float) -> LengthDistribution:
    """A log-normal length with these moments; a length itself where it has no spread."""
    if not (mean_tokens and variance_tokens2):
        return LengthDistribution((0.0, 1.0), (mean_tokens, mean_tokens))
    sigma2 = math.log1p(variance_tokens2 / mean_tokens**2)
    centre, sigma = math.log(mean_tokens) - sigma2 / 2, math.sqrt(sigma2)
    tokens = [math.exp(centre + sigma * _NORMAL.inv_cdf(level)) for level in LEVELS]
    return LengthDistribution.from_quantiles(LEVELS, tokens)


def best_known(
    predicted: Expectation | None,
    job_mean_tokens: float | None,
    llm_mean_tokens: float | None,
    default_tokens: float,
) -> Expectation:
    """A step down at a time: the prediction, the job's own mean, the LLM's, a configured length.

    Args:
        predicted: What a predictor said of this request; None if nobody did.
        job_mean_tokens: Mean answer of its job; None while too few of it have ended.
        llm_mean_tokens: Mean answer of its LLM; None while too few of it have ended.
        default_tokens: What counts where nothing is known, above 0.
    """
    if predicted is not None:
        return predicted
    if job_mean_tokens is not None:
        return Expectation.from_mean(job_mean_tokens, Knowledge.JOB_MEAN)
    if llm_mean_tokens is not None:
        return Expectation.from_mean(llm_mean_tokens, Knowledge.LLM_MEAN)
    return Expectation.from_mean(default_tokens, Knowledge.REQUESTS)

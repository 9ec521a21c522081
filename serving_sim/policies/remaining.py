"""How many tokens of a request are still to come, and how long they take."""

from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job


def expected_remaining_tokens(job: Job, generated_tokens: int) -> float:
    """Tokens expected to come after so many.

    With a distribution, the mean of what remains of it; without one, the prediction less what has
    come, and of a request that outlived its prediction as much again as it has generated.
    """
    if job.distribution is not None:
        return job.distribution.remaining(generated_tokens).mean()
    left = job.predicted_tokens - generated_tokens
    return left if left > 0 else float(max(1, generated_tokens))


def remaining_time_s(service_time: ServiceTimeModel, job: Job, left_tokens: float) -> float:
    """What is left of ALISE's T = s*T0 + n*(alpha*s + beta), of which a prompt in memory is done.

    Args:
        service_time: The rates T0, alpha and beta.
        job: Waiting or running; with cached tokens its prompt counts as computed.
        left_tokens: Output tokens still to come, at least 0.
    """
    whole_s = service_time.service_time_s(left_tokens, job.input_tokens)
    if not job.cached_tokens:
        return whole_s
    return whole_s - job.input_tokens * service_time.prefill_s_per_input_token

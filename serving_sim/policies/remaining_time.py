"""How long the rest of a request takes."""

from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job


def remaining_time_s(service_time: ServiceTimeModel, job: Job, left_tokens: float) -> float:
    """What is left of ALISE's T = s*T0 + n*(alpha*s + beta), of which a prompt in memory is done.

    Args:
        service_time: Its rates.
        job: The request.
        left_tokens: Output tokens to come.
    """
    whole_s = service_time.service_time_s(left_tokens, job.input_tokens)
    if not job.cached_tokens:
        return whole_s
    return whole_s - job.input_tokens * service_time.prefill_s_per_input_token

"""Lengthwise's scheduler class told the truth: what it can reach at the most.

`vllm serve --scheduler-cls testbed.oracle_scheduler.OracleScheduler`, for requests that say their
true length (`testbed.workload.Request.limit_tokens`).
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

from typing import Any

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.hints import HINT, Hint, encode_hint
from scheduler_client.vllm_plugin.scheduler import LengthwiseAsyncScheduler, LengthwiseScheduler
from testbed.workload import TRUE_TOKENS


class OracleScheduler(LengthwiseScheduler):
    """Knows every length."""

    def add_request(self, request: Any) -> None:
        """Queue a request by its true length."""
        tell_true_length(request)
        super().add_request(request)


class OracleAsyncScheduler(LengthwiseAsyncScheduler):
    """The same where vLLM schedules asynchronously, as on a GPU."""

    def add_request(self, request: Any) -> None:
        """Queue a request by its true length."""
        tell_true_length(request)
        super().add_request(request)


def tell_true_length(request: Any) -> None:
    """Put the true length where the plugin puts the predicted one."""
    params = request.sampling_params
    told: dict[str, Any] = (params.extra_args or {}) if params is not None else {}
    length = told.get(TRUE_TOKENS)
    if params is None or length is None:
        return
    certain = LengthDistribution((0.0, 1.0), (float(length), float(length)))
    hint = encode_hint(Hint(float(length), certain, ServiceTimeModel()))
    params.extra_args = {**told, HINT: hint}
    request.priority = int(length)

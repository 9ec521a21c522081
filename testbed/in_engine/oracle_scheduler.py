"""vLLM's scheduler told the truth: what Lengthwise can reach at the most.

`vllm serve --scheduler-cls testbed.in_engine.oracle_scheduler.OracleScheduler`, for requests that
say their true length (`testbed.workload.Request.limit_tokens`).
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import os
from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.messages import encode_points
from scheduler_client.vllm_plugin.preemption.preempting import Preempting
from scheduler_client.vllm_plugin.tracked import ExpectedLength
from testbed.workload import TRUE_TOKENS

_Base = Scheduler if TYPE_CHECKING else object


class KnowsLengths(_Base):
    """Orders by true lengths, and preempts as LENGTHWISE_PREEMPTION_OPTIONS say."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Only the options are read; a target makes settings of them, and nobody is asked.
        options = AdvisorSettings.from_environment({**os.environ, "LENGTHWISE_TARGET": "none:1"})
        assert options is not None  # noqa: S101  there is a target
        self._preempting = Preempting(self, options.make_preemption_rule())
        self._lengths: dict[str, ExpectedLength] = {}

    def add_request(self, request: Any) -> None:
        """Queue a request by its true length."""
        params = request.sampling_params
        told: dict[str, Any] = (params.extra_args or {}) if params is not None else {}
        if (length := told.get(TRUE_TOKENS)) is not None:
            certain = LengthDistribution((0.0, 1.0), (float(length), float(length)))
            self._lengths[request.request_id] = ExpectedLength(
                float(length), encode_points(certain)
            )
            request.priority = int(length)
        super().add_request(request)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """Make room for what is shorter, then make a step."""
        self._preempting.preempt(self._lengths.get, ServiceTimeModel())
        output = super().schedule(*args, **kwargs)
        self._preempting.give_back()
        return output


class OracleScheduler(KnowsLengths, Scheduler):
    """Knows every length."""


class OracleAsyncScheduler(KnowsLengths, AsyncScheduler):
    """The same where vLLM schedules asynchronously, as on a GPU."""

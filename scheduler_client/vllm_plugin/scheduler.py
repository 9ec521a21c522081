"""Scheduler classes that preempt a running request for a much shorter waiting one.

`vllm serve --scheduling-policy priority --scheduler-cls NAME`, with the name of
LengthwiseAsyncScheduler where vLLM schedules asynchronously (on a GPU), else LengthwiseScheduler,
each after "scheduler_client.vllm_plugin.scheduler.". What they know of lengths comes from the
plugin in the API server; without it they are vLLM's own.
"""

from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler

from scheduler_client.vllm_plugin.preempting import Preempting


class LengthwiseScheduler(Scheduler):
    """vLLM's scheduler, which preempts before its steps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._preempting = Preempting(self)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        with self._preempting.before_step():
            return super().schedule(*args, **kwargs)


class LengthwiseAsyncScheduler(AsyncScheduler):
    """vLLM's asynchronous scheduler, which preempts before its steps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._preempting = Preempting(self)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        with self._preempting.before_step():
            return super().schedule(*args, **kwargs)

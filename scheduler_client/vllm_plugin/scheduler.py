"""vLLM's scheduler with Lengthwise in it.

`with_lengthwise` mixes it over whatever class vLLM would use. LengthwiseScheduler and
LengthwiseAsyncScheduler are the same by name, with preemption on, for `vllm serve --scheduler-cls`.
"""

from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler

from scheduler_client.vllm_plugin.queue_order import QueueOrder, order_queue

if TYPE_CHECKING:
    _Base = Scheduler
else:
    _Base = object


class LengthwiseMixin(_Base):
    """Tells a QueueOrder what happens to requests; vLLM's own scheduling stays as it is."""

    lengthwise: QueueOrder | None = None
    preempts = False
    """Whether preemption is on without LENGTHWISE_PREEMPTION."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lengthwise = order_queue(self, preempts=self.preempts)

    def add_request(self, request: Any) -> None:
        """A request comes."""
        if self.lengthwise is not None:
            self.lengthwise.arriving(request)
        super().add_request(request)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        if self.lengthwise is None:
            return super().schedule(*args, **kwargs)
        self.lengthwise.before_step()
        output = super().schedule(*args, **kwargs)
        self.lengthwise.after_step(output)
        return output

    def _free_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A request has ended."""
        if self.lengthwise is not None:
            self.lengthwise.ended(request)
        return super()._free_request(request, *args, **kwargs)

    def shutdown(self) -> None:
        """The engine ends."""
        if self.lengthwise is not None:
            self.lengthwise.close()
        super().shutdown()


class LengthwiseScheduler(LengthwiseMixin, Scheduler):
    """vLLM's scheduler, ordered by predicted lengths, with preemption."""

    preempts = True


class LengthwiseAsyncScheduler(LengthwiseMixin, AsyncScheduler):
    """vLLM's asynchronous scheduler, ordered by predicted lengths, with preemption."""

    preempts = True


def with_lengthwise(scheduler_class: type[Any]) -> type[Any]:
    """A scheduler class with Lengthwise in it; one that has it already stays as it is."""
    if issubclass(scheduler_class, LengthwiseMixin):
        return scheduler_class
    return type(f"Lengthwise{scheduler_class.__name__}", (LengthwiseMixin, scheduler_class), {})

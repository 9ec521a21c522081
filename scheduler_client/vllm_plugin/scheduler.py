"""vLLM's scheduler with Lengthwise in it.

`with_lengthwise` mixes it over whatever class vLLM would use. LengthwiseScheduler and
LengthwiseAsyncScheduler are the same by name, with preemption on, for `vllm serve --scheduler-cls`.
"""

import os
from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.batch_limit.live_limit import LiveLimit, limit_batch
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.messages import EngineInfo
from scheduler_client.vllm_plugin.preemption.preempting import PREEMPTION_NEEDS, Preempting
from scheduler_client.vllm_plugin.queue_order import QueueOrder
from scheduler_client.vllm_plugin.seams import missing
from scheduler_client.vllm_plugin.sidecar_process import SidecarProcess

ORDERING_NEEDS = ("requests", "running", "waiting", "vllm_config", "scheduler_config")
"""Of vLLM's scheduler, looked up at its start."""

if TYPE_CHECKING:
    _Base = Scheduler
else:
    _Base = object


class LengthwiseMixin(_Base):
    """Tells a QueueOrder of requests and a LiveLimit of steps; vLLM schedules as it always does."""

    lengthwise: QueueOrder | None = None
    live_limit: LiveLimit | None = None
    preempts = False
    """Whether preemption is on without LENGTHWISE_PREEMPTION."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sees_steps = hasattr(super(), "update_from_output")
        self.live_limit = limit_batch(self, os.environ, sees_steps=sees_steps)
        sees_ends = hasattr(super(), "_free_request")
        self.lengthwise = order_queue(
            self, preempts=self.preempts, live_limit=self.live_limit, sees_ends=sees_ends
        )

    def add_request(self, request: Any) -> None:
        """A request comes."""
        if self.lengthwise is not None:
            self.lengthwise.arriving(request)
        super().add_request(request)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        if self.live_limit is not None:
            self.live_limit.before_step()
        if self.lengthwise is None:
            return super().schedule(*args, **kwargs)
        self.lengthwise.before_step()
        output = super().schedule(*args, **kwargs)
        self.lengthwise.after_step(output)
        return output

    def update_from_output(self, scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
        """What came of a step."""
        outputs = super().update_from_output(scheduler_output, *args, **kwargs)
        if self.live_limit is not None:
            self.live_limit.after_step(scheduler_output, outputs)
        return outputs

    def _free_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A request has ended."""
        if self.live_limit is not None:
            self.live_limit.ended(request)
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


def order_queue(
    scheduler: Any,
    *,
    preempts: bool,
    live_limit: LiveLimit | None = None,
    sees_ends: bool = True,
) -> QueueOrder | None:
    """What orders a scheduler's queue; None where nothing does, and then the log says why.

    Args:
        scheduler: vLLM's, after its own `__init__`.
        preempts: Take slots even without LENGTHWISE_PREEMPTION.
        live_limit: Of its batch, if there is one: the metrics show it.
        sees_ends: Whether it calls what tells of a request's end.
    """
    try:
        settings = AdvisorSettings.from_environment(os.environ)
        if settings is None:
            return None
        trouble = unexpected(scheduler) if sees_ends else "has no _free_request"
        if trouble is not None:
            LOGGER.warning(
                "Lengthwise is off: the scheduler of this vLLM %s; requests keep vLLM's own order "
                "(the middleware may serve instead, with VLLM_PLUGINS set to others than "
                "lengthwise, see docs/vllm.md)",
                trouble,
            )
            return None
        policy = scheduler.scheduler_config.policy
        wanted = (preempts or settings.preemption) and policy == "priority" and not settings.shadow
        if wanted and (lacks := missing(scheduler, PREEMPTION_NEEDS)):
            wanted = False
            LOGGER.warning(
                "Lengthwise preempts nobody: the scheduler of this vLLM has no %s; the order of "
                "its queue does not hang on that",
                lacks,
            )
        preempting = Preempting(scheduler, settings.make_preemption_rule()) if wanted else None
        sidecar = SidecarProcess(_engine_info(scheduler.vllm_config))
        order = QueueOrder(
            scheduler, settings, sidecar, preempting=preempting, live_limit=live_limit
        )
    except Exception:  # noqa: BLE001  the engine must start
        LOGGER.exception("Lengthwise is off: it did not start")
        return None
    _say_start(settings, policy, preempts=wanted)
    return order


def unexpected(scheduler: Any) -> str | None:
    """What is unexpected of a scheduler, in words; None if nothing is."""
    if lacks := missing(scheduler, ORDERING_NEEDS):
        return f"has no {lacks}"
    by_priority = scheduler.scheduler_config.policy == "priority"
    if by_priority and not isinstance(getattr(scheduler.waiting, "_heap", None), list):
        return "keeps its waiting requests in no heap"
    return None


def _engine_info(vllm_config: Any) -> EngineInfo:
    model = vllm_config.model_config
    arguments: dict[str, Any] | None = None
    if not model.skip_tokenizer_init:
        arguments = {
            "tokenizer_name": str(model.tokenizer),
            "runner_type": model.runner_type,
            "tokenizer_mode": model.tokenizer_mode,
            "revision": model.tokenizer_revision,
            "trust_remote_code": model.trust_remote_code,
        }
    return EngineInfo(arguments, vllm_config.parallel_config.data_parallel_index)


def _say_start(settings: AdvisorSettings, policy: str, *, preempts: bool) -> None:
    if settings.shadow:
        LOGGER.info(
            "Lengthwise is in shadow: %s predicts lengths, priorities are left as they are",
            settings.target,
        )
    elif policy != "priority":
        LOGGER.warning(
            "Lengthwise has no effect: the engine runs --scheduling-policy %s, which ignores "
            "priorities, so the predictor is not asked; start vLLM with --scheduling-policy "
            "priority",
            policy,
        )
    else:
        LOGGER.info(
            "Lengthwise is on: %s predicts lengths, rule %s, preemption %s",
            settings.target,
            settings.rule,
            "on" if preempts else "off",
        )

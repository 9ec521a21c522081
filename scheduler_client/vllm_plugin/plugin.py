"""The plugin: vLLM calls `register` in each of its processes (entry point vllm.general_plugins).

In the engine core it puts Lengthwise into the scheduler that vLLM chooses; in the API server it
adds the sidecar's metrics to vLLM's own.
"""

import functools
import os
from typing import Any

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.swap.install import install as install_swap

MARK = "__lengthwise__"
"""Set on the function that took the place of vLLM's: a process may register more than once."""


def register() -> None:
    """Have vLLM's schedulers order by length, if LENGTHWISE_TARGET is set; once per process.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value: that stops vLLM's start.
    """
    install_swap(os.environ)
    if AdvisorSettings.from_environment(os.environ) is None:
        return
    try:
        from vllm.config import SchedulerConfig  # noqa: PLC0415  heavy, and another elsewhere

        choose = SchedulerConfig.get_scheduler_cls
    except (ImportError, AttributeError) as error:
        LOGGER.warning(
            "Lengthwise is off: this vLLM does not choose its scheduler as expected (%s); requests "
            "keep vLLM's own order (the middleware may still serve, see docs/vllm.md)",
            error,
        )
        return
    if getattr(choose, MARK, False):
        return
    _show_metrics()

    @functools.wraps(choose)
    def get_scheduler_cls(config: Any) -> type[Any]:
        chosen = choose(config)
        from scheduler_client.vllm_plugin.scheduler import with_lengthwise  # noqa: PLC0415  heavy

        return with_lengthwise(chosen)

    setattr(get_scheduler_cls, MARK, True)
    SchedulerConfig.get_scheduler_cls = get_scheduler_cls


def _show_metrics() -> None:
    try:
        from scheduler_client.vllm_plugin.metrics_page import show_metrics  # noqa: PLC0415  vLLM's

        show_metrics()
    except Exception:  # noqa: BLE001  orders need no metrics
        LOGGER.warning("Lengthwise's metrics are not on vLLM's page", exc_info=True)


def is_on() -> bool:
    """Whether this process's vLLM orders by length."""
    try:
        from vllm.config import SchedulerConfig  # noqa: PLC0415  as above
    except ImportError:
        return False
    return getattr(SchedulerConfig.get_scheduler_cls, MARK, False)

"""The plugin: vLLM calls `register` in each of its processes (entry point vllm.general_plugins).

In the engine core it puts Lengthwise into the scheduler that vLLM chooses; in the API server it
adds the sidecar's metrics to vLLM's own.
"""

import functools
import os
from typing import Any

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.batch_limit.settings import itl_slo_s
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.swap.install import install as install_swap

MARK = "__lengthwise__"
"""Attribute of the wrapped function, which is not wrapped twice: whether it orders by length."""


def register() -> None:
    """Have vLLM order by length, limit its batch and swap, as far as asked to; once per process.

    LENGTHWISE_TARGET asks for the first, LENGTHWISE_ITL_SLO_MS and LENGTHWISE_SWAP_GIB for the
    others.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value: that stops vLLM's start.
    """
    install_swap(os.environ)
    orders = AdvisorSettings.from_environment(os.environ) is not None
    if itl_slo_s(os.environ) is None and not orders:
        return
    try:
        from vllm.config import SchedulerConfig  # noqa: PLC0415  heavy, and another elsewhere

        choose = SchedulerConfig.get_scheduler_cls
    except (ImportError, AttributeError) as error:
        LOGGER.warning(
            "Lengthwise is off: this vLLM does not choose its scheduler as expected (%s); requests "
            "keep vLLM's own order (the middleware may serve instead, see docs/vllm.md)",
            error,
        )
        return
    if hasattr(choose, MARK):
        return
    if orders:
        _show_metrics()

    @functools.wraps(choose)
    def get_scheduler_cls(config: Any) -> type[Any]:
        chosen = choose(config)
        from scheduler_client.vllm_plugin.scheduler import with_lengthwise  # noqa: PLC0415  heavy

        return with_lengthwise(chosen)

    setattr(get_scheduler_cls, MARK, orders)
    SchedulerConfig.get_scheduler_cls = get_scheduler_cls


def _show_metrics() -> None:
    try:
        from scheduler_client.vllm_plugin.metrics_page import show_metrics  # noqa: PLC0415  vLLM's

        show_metrics()
    except Exception:  # noqa: BLE001  orders need no metrics
        LOGGER.warning("Lengthwise's metrics are not on vLLM's page", exc_info=True)


def is_on() -> bool:
    """Whether this process's vLLM has the plugin in it, and is to order by length."""
    try:
        from vllm.config import SchedulerConfig  # noqa: PLC0415  as above
    except ImportError:
        return False
    return getattr(SchedulerConfig.get_scheduler_cls, MARK, False)

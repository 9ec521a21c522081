"""Priorities through vLLM's public interfaces only: the header X-Vllm-Priority.

`vllm serve --middleware scheduler_client.vllm_plugin.middleware.LengthwiseMiddleware`: for a
vLLM in which no scheduler may be changed. It sees the request's body, not what the chat template
makes of it, and a request waits for its prediction; it reads off the answer how long that was, as a
gateway does. Where the plugin is on it steps aside.
"""

import os
import time

from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.vllm_middleware.asgi import Application, VllmMiddleware
from scheduler_client.gateways.vllm_middleware.calls import Calls
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.plugin import is_on


class LengthwiseMiddleware(VllmMiddleware):
    """The middleware as the environment and vLLM's own log and metrics have it.

    Args:
        app: What is called next: the application of vLLM's API server.

    Raises:
        ValueError: If a LENGTHWISE_ variable has a bad value.
    """

    def __init__(self, app: Application) -> None:
        settings = AdvisorSettings.from_environment(os.environ)
        calls = None
        if settings is not None and not is_on():
            calls = Calls(settings, RateLimitedLog(time.monotonic, LOGGER), PluginMetrics())
        super().__init__(app, calls)


# A bad value stops the start of vLLM, which imports this then. It makes a middleware at the first
# call, and serves on, with an error for each request, where that fails.
AdvisorSettings.from_environment(os.environ)

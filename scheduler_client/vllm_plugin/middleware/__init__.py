"""Priorities through vLLM's public interfaces only: the header X-Vllm-Priority.

`vllm serve --middleware scheduler_client.vllm_plugin.middleware.LengthwiseMiddleware`: for a
vLLM in which no scheduler may be changed. It sees the request's body, not what the chat template
makes of it, and a request waits for its prediction; it reads off the answer how long that was, as a
gateway does. Where the plugin is on it steps aside.

| module | is |
|---|---|
| asgi | the middleware, as an ASGI server calls it |
| request_body | a request's body, read and given again |
| answer | how an answer ended, read as it is sent |
| calls | priorities, and what ends teach |
"""

import os

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.middleware.asgi import LengthwiseMiddleware

__all__ = ["LengthwiseMiddleware"]

# A bad value stops the start of vLLM, which imports this then. It makes a middleware at the first
# call, and serves on, with an error for each request, where that fails.
AdvisorSettings.from_environment(os.environ)

"""An ASGI middleware in vLLM's API server: a gateway that asks before the engine sees a request.

`scheduler_client/vllm_plugin/middleware.py` gives it to vLLM; docs/vllm.md.

| module | is |
|---|---|
| asgi | the middleware, as an ASGI server calls it |
| calls | priorities, and what ends teach |
| answer | how an answer ended, read as it is sent |
"""

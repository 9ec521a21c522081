"""Lengthwise inside vLLM: the only code of the client that knows the engine.

| module | is |
|---|---|
| plugin | the entry point of vllm.general_plugins: a priority for every request of the API server |
| feedback | the entry point of vllm.stat_logger_plugins: true lengths back, and the metrics |
| middleware | the same priorities through vLLM's public header, for `vllm serve --middleware` |
| offline | the same for the `LLM` class |
| scheduler | scheduler classes that preempt, for `vllm serve --scheduler-cls` |

Nothing here is imported by the rest of the client, and importing this package alone does not import
vLLM.
"""

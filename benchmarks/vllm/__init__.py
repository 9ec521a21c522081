"""The engines, rows and tables of `vllm_jct`, and the requests that `vllm_engine_core` asks, too."""

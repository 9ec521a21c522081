"""What `vllm_jct` runs on engines, and the requests that `vllm_engine_core` asks, too."""

"""What `vllm_jct` and `vllm_overhead` share: the engine, the requests, the rows and tables."""

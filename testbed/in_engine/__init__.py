"""What runs inside vLLM in place of its own: schedulers told the truth, paced workers."""

"""A day on which the prompts and the LLM change, with and without the closed loop."""

"""Rows of one LLM in cells of their own, and how an artifact holds these."""

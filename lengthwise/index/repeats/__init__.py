"""Lengths of prompts that were asked before, word for word, beside the rows of an index."""

"""Smaller encoders that learn from a trained one: what they cost in accuracy, what they save."""

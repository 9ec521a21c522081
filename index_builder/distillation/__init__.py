"""Smaller encoders that learn from a trained one, and which of them is served."""

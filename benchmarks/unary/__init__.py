"""Unary calls: what they cost around the encoder."""

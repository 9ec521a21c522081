"""Envoy and its external processor."""

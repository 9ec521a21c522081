"""Gateways in front of an engine."""

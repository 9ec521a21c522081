"""Gateways in front of any engine that ask the predictor: a thin adapter each over the advisor."""

"""Gateways in front of any engine that ask the predictor: one thin adapter each over the advisor."""

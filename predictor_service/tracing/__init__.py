"""Traces: one span for each call that is traced, with where its time went. Never a prompt."""

"""Answers what a cheap model is sure of, so that the encoder need not be asked."""

"""A lone prompt beside bulk."""

"""Completions that survive a service killed again and again, and how fast they are kept."""

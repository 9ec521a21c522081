"""Who calls, what they may, how fast, and how each call ended."""

"""The nearest-neighbour search, from a thousand rows to a million and more."""

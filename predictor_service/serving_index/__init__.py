"""Which version of the index is served, and how another takes its place."""

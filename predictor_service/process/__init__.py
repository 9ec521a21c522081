"""One process from start to exit, and several of them side by side."""

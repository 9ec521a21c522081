"""The engine that is simulated, what its steps cost, and where those figures come from."""

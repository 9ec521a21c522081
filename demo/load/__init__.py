"""Traffic without end, for the composed demo: `python -m demo.load`."""

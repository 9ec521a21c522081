"""The ways in which requests share an engine: one loop of events for each."""

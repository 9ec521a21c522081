"""What surrounds every call: who calls, how fast, how it ended and how long it took."""

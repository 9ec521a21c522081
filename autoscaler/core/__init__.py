"""The decision alone: no clock, no I/O. One `decide` for KEDA, for advice and for the simulator."""

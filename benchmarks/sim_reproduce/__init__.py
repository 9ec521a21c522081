"""The published headlines of SSJF and ALISE in the simulator."""

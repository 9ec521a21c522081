"""The commands of the simulator: options, progress, tables."""

"""The commands of the index job: options, progress, tables."""

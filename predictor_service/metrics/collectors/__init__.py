"""One file for each concern: what Prometheus is told of it."""

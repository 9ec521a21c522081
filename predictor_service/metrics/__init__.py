"""What Prometheus is told: plain counts where things happen, read when it asks."""

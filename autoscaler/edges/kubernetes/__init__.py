"""What is written to Kubernetes itself: which pod is to stop first."""

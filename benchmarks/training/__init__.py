"""What training on a history's own lengths brings."""

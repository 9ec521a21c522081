"""From one prompt among many callers to its answer: cache, queue, micro-batch."""

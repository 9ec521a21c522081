"""The gRPC service: predictions from an index, gathered into micro-batches."""

"""Encoding apart from building: parts of a history are encoded anywhere, one build takes them."""

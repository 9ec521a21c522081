"""What is on the wire: the server, its RPCs, and what a message must be."""

"""A real vLLM on this machine: its environment, a tiny model, the server, requests to replay."""

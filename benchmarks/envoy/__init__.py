"""What the external processor adds to requests through Envoy, and to the tokens of answers."""

"""The encoder's backends and precisions beside each other."""

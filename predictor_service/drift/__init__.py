"""Whether the served index still predicts as well as its evaluation promised."""

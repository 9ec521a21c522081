"""A first tier before a trained index: what it answers, costs and saves."""

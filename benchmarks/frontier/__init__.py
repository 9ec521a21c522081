"""The mean's gain against the tail, for every scheduling rule."""

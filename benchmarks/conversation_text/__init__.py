"""A chat's text made in one way for the index and in another for the question."""

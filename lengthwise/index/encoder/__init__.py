"""From a prompt to a vector: the embedding model and how it is run."""

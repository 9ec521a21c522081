"""Index after index swapped in under full load."""

"""From a vector to the past rows that count for it."""

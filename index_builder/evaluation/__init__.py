"""How good predictions are on rows that the index has not seen."""

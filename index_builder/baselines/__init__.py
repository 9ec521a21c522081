"""Published predictors of output length, to be held against the index on the same rows."""

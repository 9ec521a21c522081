"""Building an index beside the encoder alone."""

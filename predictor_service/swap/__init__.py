"""Which version of the index is served: watching its place, switching, going back, being told."""

"""How fast a caller may send."""

"""What Lengthwise in the engine core costs and orders."""
